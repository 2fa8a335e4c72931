/** Forks two children that use a map and a limiter, and sends what came of it; needs `node --single-threaded`. */
import { getContext, RateLimiter, SharedMap } from 'multiproc';

const map = new SharedMap<string, unknown>();
const limiter = new RateLimiter({ points: 10, duration: 3_600_000 });
const { Process } = getContext('fork');
const target = { module: new URL('./map-targets.js', import.meta.url), export: 'count' };
const children = ['one', 'two'].map((key) => new Process({ target, args: [map, limiter, key, 200] }));
for (const child of children) child.start();
const remaining = await Promise.all(children.map((child) => child.result));
process.send?.([remaining.sort(), map.get('sum'), [...map.keys()].sort()]);
map.close();
limiter.close();
process.disconnect?.();
