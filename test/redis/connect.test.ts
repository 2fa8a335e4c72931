/** Connecting to a Redis server: by its address, by a client of ioredis, and what is said when that fails. */
import { Redis } from 'ioredis';
import { connect, RedisContext } from 'multiproc/redis';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { noRedis, RedisServer } from '../harness/redis.js';

leaveNothing(t);

t.test('a context is connected by the address of a server, and by a client', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const context = await connect(server.url);
  t.type(context, RedisContext);
  await context.close();
  await context.close();
  const client = new Redis(server.url);
  const other = await connect(client, { prefix: 'other' });
  await other.close();
  t.equal(await client.ping(), 'PONG', 'the client stays the caller’s');
  client.disconnect();
});

t.test('a server that is not there is an error that names it', async (t) => {
  await t.rejects(connect('/nonexistent/redis.sock', { connectTimeout: 100 }), {
    code: 'ERR_MULTIPROC_REDIS',
    message: /\/nonexistent\/redis\.sock within 100 ms/,
  });
});

t.test('what is no server is refused', async (t) => {
  await t.rejects(connect('http://example.org'), { name: 'TypeError', message: /redis:\/\// });
  await t.rejects(connect({} as never), { name: 'TypeError', message: /a client of ioredis/ });
  await t.rejects(connect('redis://localhost', { prefix: '{x}' }), { name: 'TypeError', message: /"prefix"/ });
  await t.rejects(connect('redis://localhost', { prefx: 'x' } as never), { name: 'TypeError', message: /prefx/ });
});
