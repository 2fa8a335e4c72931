/** What the children of the tests of maps run: each counts in a map and in a rate limiter, and leaves a value. */
import { type RateLimiter, SharedMap } from 'multiproc';

export function count(map: SharedMap<string, unknown>, limiter: RateLimiter, key: string, times: number): number {
  for (let i = 0; i < times; i++) {
    map.add('sum', 1);
    map.update('list', (list) => [...((list as string[] | undefined) ?? []), key].slice(-3));
  }
  map.set(key, { key, bytes: Buffer.from(key) });
  return limiter.consume('all').remaining;
}

/** The same map by its name. */
export function countIn(name: string, limiter: RateLimiter, key: string, times: number): number {
  using map = SharedMap.open<string, unknown>(name);
  return count(map, limiter, key, times);
}
