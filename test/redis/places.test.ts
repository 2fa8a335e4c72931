/** The classes keep their promises on this machine and on a Redis server alike. */
import * as multiproc from 'multiproc';
import type { RedisContext } from 'multiproc/redis';
import t from 'tap';
import { placesSuite } from '../conformance/places.js';
import { leaveNothing } from '../harness/leftovers.js';
import { noRedis, RedisServer } from '../harness/redis.js';

leaveNothing(t);

t.test('on this machine', async (t) => {
  placesSuite(t, () => multiproc);
});

t.test('on a Redis server', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  let context: RedisContext;
  t.before(async () => {
    context = await server.connect(t);
  });
  placesSuite(t, () => context);
});
