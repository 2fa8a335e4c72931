/** waitpid, getpid and exit, seen from this very process and from one that ends. */
import { spawnSync } from 'node:child_process';
import { exit, getpid, waitpid } from 'multiproc/posix';
import t from 'tap';

t.test('getpid is this process', async (t) => {
  t.equal(getpid(), process.pid);
});

t.test('waitpid says ECHILD where there is no such child', async (t) => {
  t.throws(() => waitpid(process.ppid), { code: 'ECHILD', syscall: 'waitpid', path: String(process.ppid) });
  t.throws(() => waitpid(process.ppid, { noHang: true }), { code: 'ECHILD' });
});

t.test('wrong arguments are refused', async (t) => {
  t.throws(() => waitpid('1' as never), { name: 'TypeError' });
  t.throws(() => waitpid(1.5), { name: 'RangeError' });
  t.throws(() => exit('0' as never), { name: 'TypeError' });
  t.throws(() => exit(256), { name: 'RangeError' });
  t.throws(() => exit(-1), { name: 'RangeError' });
});

t.test('noHang does not wait, and signals do not end the wait', async (t) => {
  const source = `
    const { exit, fork, waitpid } = await import(${JSON.stringify(import.meta.resolve('multiproc/posix'))});
    const pid = fork();
    if (pid === 0) {
      // Handled signals with and without SA_RESTART interrupt the parent's call in the kernel.
      for (let i = 0; i < 20; i++) { process.kill(process.ppid, 'SIGUSR2'); await new Promise((r) => setTimeout(r, 2)); }
      process.on('SIGTERM', () => exit(9));
      process.kill(process.ppid, 'SIGUSR2');
    } else {
      process.on('SIGUSR2', () => {});
      const early = waitpid(pid, { noHang: true });
      const end = waitpid(pid);
      console.log(JSON.stringify({ early, end, same: end.pid === pid }));
    }
  `;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--single-threaded', '--input-type=module', '--eval', `process.on('SIGUSR2', () => {});${source}`],
    { encoding: 'utf8', timeout: 30_000 },
  );
  t.match(JSON.parse(stdout || 'null'), { early: null, end: { exitCode: 0, signal: null }, same: true }, stderr);
});

t.test('exit runs no handlers', async (t) => {
  const source = `
    const { exit } = await import(${JSON.stringify(import.meta.resolve('multiproc/posix'))});
    process.on('exit', () => console.log('handler'));
    exit(7);
  `;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  t.equal(status, 7);
  t.equal(stdout, '');
});
