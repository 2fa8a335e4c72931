/** Takes and frees what it is told, again and again, until it is told to stop: `{ what, name, form }`; answers when it did. */
import { BoundedSemaphore, Condition, Lock, RawValue, RLock, Semaphore } from 'multiproc';
import { hangUp, hear, tell } from '../harness/parent.js';

/** What can be taken, by name. */
export const makers: Record<string, (name: string) => Lock | RLock | Semaphore | Condition> = {
  Lock: (name) => new Lock({ name }),
  RLock: (name) => new RLock({ name }),
  'lock of a Condition': (name) => new Condition(undefined, { name }),
  Semaphore: (name) => new Semaphore(1, { name }),
  BoundedSemaphore: (name) => new BoundedSemaphore(1, { name }),
  'robust Semaphore': (name) => new Semaphore(1, { name, robust: true }),
  'robust BoundedSemaphore': (name) => new BoundedSemaphore(1, { name, robust: true }),
};

export interface Greed {
  what: string;
  name: string;
  form: 'sync' | 'promise';
}

/** What both sides share: how often the greedy one had it, and whether it is to stop. */
export function counters(name: string) {
  return {
    turns: new RawValue('i', 0, { name: `${name}.turns` }),
    stop: new RawValue('i', 0, { name: `${name}.stop` }),
  };
}

const heldMs = 0.5;
/** After so many it stops by itself: a waiter that is starved is to fail, not to hang. */
export const lastTurn = 4000;

async function take({ what, name, form }: Greed): Promise<void> {
  const object = (makers[what] as (name: string) => Lock)(name);
  const { turns, stop } = counters(name);
  for (let i = 0; i < lastTurn && stop.value === 0; i++) {
    if (form === 'sync') object.acquireSync();
    else await object.acquire();
    turns.value = i;
    const until = performance.now() + heldMs;
    while (performance.now() < until);
    object.release();
    if (i === 0) await tell('began');
  }
  object.close();
  turns.close();
  stop.close();
}

if (process.argv[1] === import.meta.filename) {
  for (let greed = await hear<Greed | 'hello' | 'end'>(); greed !== 'end'; greed = await hear()) {
    if (greed === 'hello') {
      await tell(greed);
      continue;
    }
    await take(greed);
    await tell('stopped');
  }
  hangUp();
}
