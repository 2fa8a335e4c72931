/** Finalizers: once, in the order of their priorities, around the end of children. */
import { inspect } from 'node:util';
import { Finalize } from 'multiproc';
import t from 'tap';
import { program } from '../harness/program.js';

t.test('a finalizer runs once, or never after cancel', async (t) => {
  const calls: number[] = [];
  const called = new Finalize((n: number) => calls.push(n) * 10, { args: [1], exitPriority: 0 });
  t.equal(called.stillActive(), true);
  t.match(inspect(called), /^<Finalize object, callback=anonymous, args=\[ 1 \], exitPriority=0>$/);
  t.equal(called.call(), 10);
  t.equal(called.stillActive(), false);
  t.equal(called.call(), null);
  t.equal(inspect(called), '<Finalize object, dead>');
  const cancelled = new Finalize((n: number) => calls.push(n), { args: [2], exitPriority: 0 });
  cancelled.cancel();
  t.equal(cancelled.stillActive(), false);
  t.equal(cancelled.call(), null);
  t.strictSame(calls, [1]);
});

t.test('wrong options are refused', async (t) => {
  t.throws(() => new Finalize(() => {}), { name: 'ValueError' });
  t.throws(() => new Finalize(() => {}, {}), { name: 'ValueError' });
  t.throws(() => new Finalize(() => {}, { exitPriority: 1.5 }), TypeError);
  t.throws(() => new Finalize(() => {}, { exitPriority: '1' as never }), TypeError);
  t.throws(() => new Finalize('text' as never, { exitPriority: 1 }), TypeError);
});

t.test('an object that is collected runs its finalizer, and one that throws ends nothing', async (t) => {
  const collected = program(t, 'finalize-collected', { execArgv: ['--expose-gc'] });
  t.equal(await collected.message(), 'collected');
  t.strictSame(await collected.ended, { code: 0, signal: null });
  t.match(collected.stderr, /A finalizer failed: Error: not today/);
});

t.test('high before low, newest first, and daemons between', async (t) => {
  const ending = program(t, 'finalizers');
  const lines: string[] = [];
  for (let i = 0; i < 9; i++) lines.push(await ending.line());
  t.strictSame(lines, ['child high', 'child low', 'b', 'd10', 'd03', 'd02', 'd01', 'made meanwhile', 'daemon told']);
  t.equal(await ending.line(), 'e');
  t.strictSame(await ending.ended, { code: 0, signal: null });
  t.match(ending.stderr, /A finalizer failed: Error: as asked/);
});
