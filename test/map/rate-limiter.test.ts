/** RateLimiter: points that come back evenly, counted once for all processes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect, RateLimiter } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);
t.setTimeout(60_000);

t.test('a key may spend its points at once, and they come back one by one', async (t) => {
  const limiter = new RateLimiter({ points: 4, duration: 4_000_000 });
  for (const remaining of [3, 2, 1, 0]) {
    t.strictSame(limiter.consume('a'), { allowed: true, remaining, retryAfter: 0 });
  }
  const refused = limiter.consume('a');
  t.match(refused, { allowed: false, remaining: 0 });
  t.ok(
    refused.retryAfter > 900_000 && refused.retryAfter <= 1_000_000,
    `${refused.retryAfter} ms until a point is back`,
  );
  t.match(limiter.peek('a'), { allowed: false, remaining: 0 });
  t.strictSame(limiter.consume('b', 3), { allowed: true, remaining: 1, retryAfter: 0 }, 'keys are apart');
  t.match(limiter.consume('b', 2), { allowed: false, remaining: 1 }, 'a refused call spends nothing');
  t.match(limiter.consume('b', 1), { allowed: true, remaining: 0 });
  t.strictSame(limiter.consume('c', 5), { allowed: false, remaining: 4, retryAfter: Infinity });
  t.equal(limiter.reset('a'), true);
  t.equal(limiter.reset('a'), false);
  t.strictSame(limiter.consume('a', 4), { allowed: true, remaining: 0, retryAfter: 0 });
  limiter.clear();
  t.strictSame(limiter.peek('a'), { allowed: true, remaining: 4, retryAfter: 0 });
  limiter.close();

  const quick = new RateLimiter({ points: 1, duration: 50 });
  t.equal(quick.consume(7).allowed, true);
  const { retryAfter } = quick.consume(7);
  await sleep(Math.max(retryAfter, 1) + 1);
  t.equal(quick.consume(7).allowed, true, 'after retryAfter it is allowed');
  quick.close();
});

t.test('processes share a limit, and a limiter travels', async (t) => {
  const name = freshName(t);
  const limiter = new RateLimiter({ name, points: 100, duration: 10_000_000 });
  const other = new Remote(t);
  const theirs = await other.make('RateLimiter', { name, points: 100, duration: 10_000_000 });
  let allowed = 0;
  for (let i = 0; i < 60; i++) {
    if (limiter.consume('ip').allowed) allowed++;
    if ((await theirs.call<{ allowed: boolean }>('consume', 'ip')).allowed) allowed++;
  }
  t.equal(allowed, 100);
  t.match(inspect(name), { kind: 'RateLimiter', map: { entries: 1, points: 100, ttl: 10_000_000 } });
  t.throws(() => new RateLimiter({ name, points: 99, duration: 10_000_000 }), {
    code: 'ERR_MULTIPROC_KIND',
    message: /points 99, but it exists with points 100/,
  });
  await theirs.call('close');
  limiter.close();
  t.throws(() => limiter.consume('ip'), { code: 'ERR_MULTIPROC_CLOSED' });
});

t.test('wrong arguments are refused', (t) => {
  t.throws(() => new RateLimiter(undefined as never), { name: 'TypeError' });
  t.throws(() => new RateLimiter({ points: 3 } as never), { name: 'TypeError', message: /"duration"/ });
  t.throws(() => new RateLimiter({ points: 0, duration: 5 }), { code: 'ERR_MULTIPROC_VALUE' });
  t.throws(() => new RateLimiter({ points: 1.5, duration: 5 }), { name: 'TypeError', message: /"points"/ });
  const limiter = new RateLimiter({ points: 3, duration: 1000 });
  for (const wrong of [0, -1, 1.5, Number.NaN, '1']) t.throws(() => limiter.consume('a', wrong as number), /"points"/);
  t.throws(() => limiter.consume({} as never), { name: 'TypeError', message: /a key to be a string/ });
  limiter.close();
  t.end();
});
