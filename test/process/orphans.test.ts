/** A killed program: who was tied to it ends soon, who was not runs to its end, and what they shared is swept. */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { commandFile } from '../harness/command-file.js';
import { leaveNothing, segments } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { runs } from '../harness/runs.js';
import { until } from '../harness/until.js';

t.setTimeout(90_000);
leaveNothing(t);

interface Check {
  name: string;
  value: string;
}

/** How many threads use the package, without the one that asks. */
function participants(): number {
  const { checks } = JSON.parse(
    execFileSync(process.execPath, [commandFile, 'doctor', '--json'], { encoding: 'utf8' }),
  );
  return Number.parseInt((checks as Check[]).find(({ name }) => name === 'participants')?.value ?? '', 10) - 1;
}

for (const method of ['forkserver', 'spawn', 'fork']) {
  t.test(`${method}: a program that is killed leaves nothing but those who may outlive it`, async (t) => {
    const before = { segments: segments(), participants: participants() };
    const fresh = () => [...segments()].filter((name) => !before.segments.has(name));
    const head = program(t, 'orphans', {
      args: ['family', method],
      execArgv: method === 'fork' ? ['--single-threaded'] : [],
    });
    const pids = new Map<string, number>();
    for (let i = 0; i < 5; i++) {
      const [name = '', , pid, parent] = (await head.line()).split(' ');
      pids.set(name, Number(pid));
      if (method === 'forkserver') pids.set('the server', Number(parent));
    }
    t.not(fresh().length, 0, 'there is something to leave');

    head.kill();
    const killed = performance.now();
    const tied = ['holder', 'stubborn', ...(method === 'forkserver' ? ['the server'] : [])];
    const times = await Promise.all(
      tied.map(async (name) => {
        await until(`${name} has ended`, () => !runs(pids.get(name) as number));
        return `${name} after ${Math.round(performance.now() - killed)} ms`;
      }),
    );
    t.comment(`${method}: ${times.join(', ')}`);

    const said: string[] = [];
    for (let i = 0; i < 2; i++) said.push((await head.line()).replace(/( ends.*?)( \d+){2}$/, '$1'));
    t.strictSame(said, ['heir ends', 'grandchild ends, its holder is dead, 42']);
    // The output ends with the last of them.
    await head.ended;
    for (const [name, pid] of pids) await until(`${name} has ended`, () => !runs(pid));

    t.not(fresh().length, 0, 'nobody was left who could have cleaned up');
    const next = program(t, 'orphans', { args: ['next'] });
    const there = await next.message<string[]>();
    t.strictSame(
      there.filter((name) => fresh().includes(name)),
      [],
    );
    await next.ended;
    t.equal(participants(), before.participants, 'all places in the registry are free');
  });
}
