/** The harness's own promises: messages and lines arrive in order, and nothing that is awaited can hang. */
import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import t from 'tap';
import { leftovers, segments } from './leftovers.js';
import { command, program } from './program.js';

t.test('a program answers messages in order and ends by itself', async (t) => {
  const echo = program(t, 'echo', { args: ['a', 'b'] });
  t.equal(await echo.line(), 'arguments a b');
  t.strictSame(await echo.ask({ bytes: new Uint8Array([1, 2]), big: 2n }), { bytes: new Uint8Array([1, 2]), big: 2n });
  echo.send('one');
  echo.send('two');
  t.strictSame([await echo.message(), await echo.message()], ['one', 'two']);
  echo.send('bye');
  t.strictSame(await echo.ended, { code: 0, signal: null });
});

t.test('waiting for a program that ends fails and tells its stderr', async (t) => {
  const echo = program(t, 'echo');
  const message = echo.message();
  await echo.line();
  echo.kill();
  await t.rejects(message, { message: /ended with SIGKILL/ });
  const failing = command(t, 'node', { args: ['-e', 'throw new Error("as asked")'] });
  await t.rejects(failing.line(), { message: /ended with code 1.*as asked/s });
});

t.test('a program that cannot be started fails what waits for it', async (t) => {
  const nothing = command(t, '/nowhere/nothing');
  await t.rejects(nothing.line(), { message: /could not be started/ });
  await t.rejects(nothing.ended, { code: 'ENOENT' });
});

t.test('the watchdog ends a program that hangs', async (t) => {
  const hanging = command(t, 'sleep', { args: ['60'], timeout: 50 });
  await t.rejects(hanging.line(), { message: /still ran after 50 ms/ });
  t.strictSame(await hanging.ended, { code: null, signal: 'SIGKILL' });
});

t.test('a file left in /dev/shm is found', async (t) => {
  const before = segments();
  const name = `harness-${process.pid}`;
  writeFileSync(`/dev/shm/${name}`, '');
  t.teardown(() => rm(`/dev/shm/${name}`));
  t.match(await leftovers(before), [name]);
});
