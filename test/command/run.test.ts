/** `multiproc run`: the program in the command's place, able to fork. */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { command } from '../harness/program.js';

leaveNothing(t);

t.test('multiproc run starts a program so, in its own place', async (t) => {
  const main = new URL('../../dist/command/main.js', import.meta.url).pathname;
  const started = command(t, process.execPath, {
    args: [
      main,
      'run',
      '-e',
      'console.log(process.pid, process.execArgv[0], process.argv[1]); process.exitCode = 9',
      'word',
    ],
  });
  t.equal(await started.line(), `${started.pid} --single-threaded word`);
  t.strictSame(await started.ended, { code: 9, signal: null });

  const signalled = command(t, process.execPath, {
    args: [main, 'run', '-e', 'console.log(1); setInterval(() => {}, 99)'],
  });
  await signalled.line();
  signalled.kill('SIGTERM');
  t.strictSame(await signalled.ended, { code: null, signal: 'SIGTERM' });

  const nothing = command(t, process.execPath, { args: [main, 'run'] });
  t.strictSame(await nothing.ended, { code: 2, signal: null });
});
