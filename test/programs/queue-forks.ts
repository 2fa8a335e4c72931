/**
 * Forks producers and consumers of a queue and kills them at random moments, thousands of them in a minute; needs
 * `node --single-threaded`. `NAME KILLS SEED MAXSIZE VICTIMS` (both, or put: producers only); prints one line of JSON with the books.
 */
import { exit, fork, waitpid } from 'multiproc/posix';
import { Books, mostLostWith } from '../harness/queue-crew.js';

const [name = '', kills = '', seed = '', maxsize = '', victims = ''] = process.argv.slice(2);
const crew = 4;
const most = Number(kills) + crew;
const books = new Books(name, most, Number(maxsize));
let state = Number(seed);
let started = 0;
let producers = 0;

interface Child {
  pid: number;
  role: 'put' | 'get';
  many: boolean;
}

const children: Child[] = Array.from({ length: crew }, (_, i) => start(i % 2 === 0 ? 'put' : 'get'));
let lostWithConsumers = 0;
for (let kill = 0; kill < Number(kills); kill++) {
  // Producers are those with even numbers.
  const index = victims === 'put' ? 2 * Math.floor(random() * (crew / 2)) : Math.floor(random() * crew);
  const { pid, role, many } = children[index] as Child;
  pause(random() * 3);
  process.kill(pid, 'SIGKILL');
  const { exitCode } = waitpid(pid) ?? {};
  if (typeof exitCode === 'number') finish({ failed: `a ${role} ended with ${exitCode}` });
  if (role === 'get') lostWithConsumers += many ? mostLostWith.many : mostLostWith.one;
  // Somebody must get on, with whatever the victim held.
  const before = books.progress;
  const deadline = performance.now() + 30_000;
  // The same role again: there is always somebody at both ends.
  children[index] = start(role);
  while (books.progress === before) {
    pause(0.2);
    if (performance.now() > deadline) finish({ failed: 'nobody got on for 30 seconds' });
  }
}
for (const { pid, role } of children) {
  // Consumers end by themselves: what they have is booked.
  if (role === 'get') books.stop();
  else process.kill(pid, 'SIGKILL');
  waitpid(pid);
}
for (let item = books.queue.tryGet(); item !== undefined; item = books.queue.tryGet()) books.book(item);
finish({ ...books.check(), lostWithConsumers, left: books.queue.qsize() });

function start(role: 'put' | 'get'): Child {
  const many = started++ % 3 === 0;
  const producer = role === 'put' ? producers++ : 0;
  const pid = fork();
  if (pid !== 0) return { pid, role, many };
  try {
    if (role === 'put') {
      books.produce(producer, many);
      // Its numbers are used up.
      while (!books.stopped) pause(1000);
    }
    if (role === 'get') books.consume(many);
  } catch (error) {
    console.error(error);
    exit(7);
  }
  exit(0);
}

function finish(result: object): never {
  for (const { pid } of children) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
  books.close();
  process.exit();
}

/** Milliseconds, on this thread. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** 0 … 1, the same for the same seed. */
function random(): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return state / 0x80000000;
}
