// A pool that is dropped while it runs is ended, with a warning; one that has work to do is not dropped.
import t from 'tap';
import { program } from '../harness/program.js';

t.test('a pool that is dropped while it runs is ended, with a warning', async (t) => {
  for (const kind of ['Pool', 'ThreadPool']) {
    const dropping = program(t, 'pool-dropped', { execArgv: ['--expose-gc', '--no-warnings'], args: [kind] });
    t.same(await dropping.message(), { results: [1, 2, 3] }, 'unfinished work keeps it');
    const { name, message } = (await dropping.message()) as { name: string; message: string };
    t.equal(name, 'ResourceWarning');
    t.match(
      message,
      new RegExp(`^A ${kind} \\(1 workers\\) was dropped while it was running.*close\\(\\) or terminate`),
    );
    t.same(await dropping.message(), { running: 0 }, 'its workers have ended');
    t.same(await dropping.ended, { code: 0, signal: null });
  }
});
