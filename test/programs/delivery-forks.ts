/**
 * Forks consumers of a joinable queue and kills them at random moments; needs `node --single-threaded`. `NAME KILLS SEED
 * DEAD` (`queue`: dead letters go to a queue, `kept`: they are kept); prints one line of JSON with the books.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { exit, fork, waitpid } from 'multiproc/posix';
import { DeliveryBooks, tasks } from '../harness/delivery-books.js';

const [name = '', kills = '', seed = '', dead = ''] = process.argv.slice(2);
const crew = 3;
const watchdogMs = 30_000;
const books = new DeliveryBooks(name, 8 * Number(kills) + 300, dead === 'queue');
let state = Number(seed);
let started = 0;
books.putAll();

const children: number[] = [];
for (let i = 0; i < crew; i++) children.push(await start());
let killed = 0;
for (let kill = 0; kill < Number(kills); kill++) {
  const index = Math.floor(random() * crew);
  await sleep(random() * 8);
  const pid = children[index] as number;
  process.kill(pid, 'SIGKILL');
  check(waitpid(pid));
  killed++;
  const before = books.progress;
  children[index] = await start();
  // All of them may be gone meanwhile: messages kill their consumers, too.
  await until(async () => {
    await replaceDead();
    return books.progress !== before || books.queue.stats().unfinished === 0;
  });
}
// Without further kills, but those by messages, all of it comes to an end.
await until(async () => {
  await replaceDead();
  return books.queue.stats().unfinished === 0;
});
books.stop();
for (const pid of children) waitpid(pid);
finish({ ...books.check(), kills: killed, mostOpen: killed * 2 * tasks, stats: books.queue.stats() });

/** Consumers that a message has killed. */
async function replaceDead(): Promise<void> {
  for (let i = 0; i < crew; i++) {
    const ended = waitpid(children[i] as number, { noHang: true });
    if (ended === null) continue;
    check(ended);
    killed++;
    children[i] = await start();
  }
}

function check(ended: ReturnType<typeof waitpid>): void {
  if (typeof ended?.exitCode === 'number') finish({ failed: `a consumer ended with ${ended.exitCode}` });
  if (books.fault !== undefined) finish({ failed: books.fault });
}

async function start(): Promise<number> {
  const form = started++ % 4;
  const pid = fork();
  if (pid !== 0) return pid;
  const child = randomFrom(Number(seed) + started);
  try {
    await books.consume(form, child);
    exit(books.fault === undefined ? 0 : 3);
  } catch (error) {
    process.stderr.write(`${(error as Error).stack}\n`);
    exit(4);
  }
}

async function until(happened: () => boolean | Promise<boolean>): Promise<void> {
  let deadline = performance.now() + watchdogMs;
  let { progress } = books;
  while (!(await happened())) {
    await sleep(1);
    if (books.fault !== undefined) finish({ failed: books.fault });
    if (books.progress !== progress) {
      progress = books.progress;
      deadline = performance.now() + watchdogMs;
    }
    if (performance.now() > deadline)
      finish({ failed: 'there was no progress for 30 seconds', stats: books.queue.stats() });
  }
}

function finish(result: object): never {
  process.stdout.write(`${JSON.stringify(result)}\n`);
  for (const pid of children) {
    try {
      process.kill(pid, 'SIGKILL');
      waitpid(pid);
    } catch {
      // It has ended, and was waited for.
    }
  }
  books.close();
  exit(0);
}

function random(): number {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return state / 2 ** 31;
}

function randomFrom(start: number): () => number {
  let own = start;
  return () => {
    own = (Math.imul(own, 1103515245) + 12345) & 0x7fffffff;
    return own / 2 ** 31;
  };
}
