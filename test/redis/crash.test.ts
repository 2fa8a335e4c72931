/**
 * Programs that share a lock are killed and stopped, and the server is killed and started again: a checker of histories finds two
 * holders only where the lease of one had run out, and their fencing tokens tell them apart.
 *
 * `MULTIPROC_REDIS_KILLS` is the number of faults, 3 by default.
 */
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { folder } from '../harness/folder.js';
import { leaveNothing } from '../harness/leftovers.js';
import { type Program, program } from '../harness/program.js';
import { noRedis, RedisServer } from '../harness/redis.js';
import { until } from '../harness/until.js';

t.setTimeout(280_000);
leaveNothing(t);

const faults = Number(process.env.MULTIPROC_REDIS_KILLS ?? 3);
const lease = 1000;

type Entry = [event: 'take' | 'giving' | 'give' | 'lost', token: number, ownerDied: boolean, pid: number];

function read(file: string): Entry[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Entry);
}

/**
 * Returns what is wrong. Each line is appended at once, so the order of the file is that of time; a program that was stopped writes late,
 * so the order of the holders is that of their tokens. A holder gives the lock back between its lines `giving` and `give`.
 */
export function violations(history: readonly Entry[]): string[] {
  const found: string[] = [];
  const at = new Map(history.map(([event, token], line) => [`${event} ${token}`, line]));
  const takes = history.filter(([event]) => event === 'take').sort((one, other) => one[1] - other[1]);
  const line = (event: string, token: number) => at.get(`${event} ${token}`) ?? Number.POSITIVE_INFINITY;
  for (const [i, [, token, ownerDied, pid]] of takes.entries()) {
    const [, before = 0, , other] = takes[i - 1] ?? [];
    if (token === before) found.push(`${pid} and ${other} have the same token ${token}`);
    if (before === 0 || ownerDied) continue;
    if (line('giving', before) > line('take', token)) found.push(`${pid} took ${token} while ${other} held ${before}`);
    if (line('lost', before) < Number.POSITIVE_INFINITY)
      found.push(`${other} lost ${before}, and ${token} does not know`);
  }
  for (const [event, token] of history) {
    const next = takes.find(([, later]) => later > token);
    if (event === 'give' && next?.[2] && line('take', next[1]) < line('giving', token)) {
      found.push(`${token} was given back after ${next[1]} had taken the lock over`);
    }
  }
  return found;
}

t.test('the checker finds what is wrong', async (t) => {
  const cases: [number, Entry[]][] = [
    [
      0,
      [
        ['take', 1, false, 10],
        ['giving', 1, false, 10],
        ['take', 2, false, 20],
        ['give', 1, false, 10],
      ],
    ],
    [
      1,
      [
        ['take', 1, false, 10],
        ['take', 2, false, 20],
        ['giving', 1, false, 10],
      ],
    ],
    [
      1,
      [
        ['take', 1, false, 10],
        ['giving', 1, false, 10],
        ['take', 1, true, 20],
      ],
    ],
    [
      0,
      [
        ['take', 1, false, 10],
        ['take', 2, true, 20],
        ['giving', 1, false, 10],
        ['lost', 1, false, 10],
      ],
    ],
    [
      1,
      [
        ['take', 1, false, 10],
        ['take', 2, true, 20],
        ['giving', 1, false, 10],
        ['give', 1, false, 10],
      ],
    ],
  ];
  for (const [count, history] of cases) t.equal(violations(history).length, count, JSON.stringify(history));
});

t.test('a lock excludes through kills, stops and restarts', { skip: noRedis }, async (t) => {
  const server = await RedisServer.start(t);
  const history = `${folder(t, {})}/history`;
  const start = async () => {
    const args = [server.url, String(lease), history];
    const started = program(t, 'redis-lock', { args, timeout: 270_000 });
    await started.message();
    return started;
  };
  const programs = await Promise.all([start(), start(), start()]);
  const takes = () => read(history).filter(([event]) => event === 'take').length;
  for (let i = 0; i < faults; i++) {
    const before = takes();
    await until('the lock is taken again', () => takes() > before + 5);
    const at = i % programs.length;
    const victim = programs[at] as Program;
    if (i % 3 < 2) {
      victim.send('keep');
      await until('the victim has the lock', () => {
        const entries = read(history);
        const last = entries.findLast(([event]) => event === 'take');
        // The holder before may write its line `give` after this one has taken the lock.
        return last?.[3] === victim.pid && !entries.some(([event, token]) => event === 'giving' && token === last[1]);
      });
    }
    if (i % 3 === 0) {
      victim.kill('SIGKILL');
      await victim.exited;
      programs[at] = await start();
    } else if (i % 3 === 1) {
      victim.kill('SIGSTOP');
      const taken = takes();
      await until('another one takes the lock over', () => takes() > taken);
      victim.send('continue');
      victim.kill('SIGCONT');
    } else {
      await server.restart();
    }
  }
  const before = takes();
  await until('the lock is taken after all', () => takes() > before + 5);
  for (const each of programs) each.send('stop');
  for (const each of programs) t.strictSame(await each.ended, { code: 0, signal: null }, each.stderr);
  const entries = read(history);
  t.strictSame(violations(entries), []);
  t.ok(
    entries.some(([event, , ownerDied]) => event === 'take' && ownerDied),
    'the next holder knows of it',
  );
  const context = await server.connect(t);
  const lock = new context.Lock({ name: 'contended' });
  t.equal(await lock.acquire(), true);
  t.ok((lock.token as number) > Math.max(...entries.map(([, token]) => token)));
  await lock.release();
  const sum = await new context.Value('i', 0, { name: 'guarded' }).value;
  const taken = entries.filter(([event]) => event === 'take').length;
  const given = entries.filter(([event]) => event === 'giving').length;
  // A program may be killed between a step and its line.
  t.ok(sum >= given && sum <= taken + faults, `${given} <= ${sum} <= ${taken} + ${faults}`);
});
