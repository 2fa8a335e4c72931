/**
 * A family around shared objects whose head is killed: `orphans family METHOD`. And who comes afterwards, in the same
 * namespace: `orphans next`.
 */
import { readdirSync } from 'node:fs';
import {
  Event,
  getContext,
  isMainProcess,
  Lock,
  parentProcess,
  Queue,
  SharedArray,
  type StartMethod,
  Value,
} from 'multiproc';
import { hear, tell } from '../harness/parent.js';
import { realParent } from './forkserver-parent.js';

const [, , role = '', method = 'spawn'] = process.argv;

/** What everybody in the family has. */
interface Heirloom {
  lock: Lock;
  stop: Event;
  count: Value<'i'>;
  numbers: SharedArray<'d'>;
  queue: Queue<unknown>;
}

function makeHeirloom(): Heirloom {
  return {
    lock: new Lock(),
    stop: new Event(),
    count: new Value('i'),
    numbers: new SharedArray('d', 100_000),
    queue: new Queue(),
  };
}

function say(name: string, what = 'begins'): void {
  console.log(`${name} ${what} ${process.pid} ${realParent()}`);
}

function start(name: string, args: unknown[], daemon: boolean): void {
  const { Process } = getContext(method as StartMethod);
  new Process({ target: { module: import.meta.url, export: name }, args, daemon }).start();
}

/** A daemon, who dies with the lock, blocked for ever. */
export function holder({ lock, stop }: Heirloom): void {
  lock.acquireSync();
  say('holder');
  stop.waitSync();
}

/** A daemon that does not mind SIGTERM and never comes to its event loop. */
export function stubborn({ count }: Heirloom): void {
  process.on('SIGTERM', () => {});
  say('stubborn');
  for (;;) count.add(1);
}

/** Outlives its creator, and has objects, a child and a daemon of its own. */
export async function heir(heirloom: Heirloom): Promise<void> {
  const own = makeHeirloom();
  start('grandchild', [own, heirloom], false);
  start('granddaemon', [own], true);
  say('heir');
  await parentProcess()?.join();
  heirloom.count.add(1);
  say('heir', 'ends');
  own.stop.set();
}

export async function granddaemon({ lock, stop }: Heirloom): Promise<void> {
  await lock.acquire();
  say('granddaemon');
  await stop.wait(1_000_000);
}

/** Ends last, and finds what was given to it whole. */
export async function grandchild({ stop, queue }: Heirloom, { lock, queue: first }: Heirloom): Promise<void> {
  say('grandchild');
  await stop.wait();
  await queue.put(new Value('i', 7));
  await lock.acquire();
  say(
    'grandchild',
    `ends, ${lock.ownerDied ? 'its holder is dead' : 'nobody died'}, ${((await first.get()) as Value<'i'>).value}`,
  );
}

async function lead(): Promise<void> {
  const heirloom = makeHeirloom();
  // On its way while its sender is killed.
  await heirloom.queue.put(new Value('i', 42));
  start('holder', [heirloom], true);
  start('stubborn', [heirloom], true);
  start('heir', [heirloom], false);
  await hear();
}

async function follow(): Promise<void> {
  new Event().set();
  await tell(readdirSync('/dev/shm'));
}

if (isMainProcess) void (role === 'family' ? lead() : follow());
