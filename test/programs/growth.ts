/** Makes, opens and closes a thousand objects of each class, and tells what grew: node --expose-gc growth.js */
import { readdirSync, readFileSync } from 'node:fs';
import {
  BoundedSemaphore,
  deserialize,
  Lock,
  RawArray,
  RawValue,
  RLock,
  Semaphore,
  SharedArray,
  SharedMemory,
  serialize,
  Value,
} from 'multiproc';
import { hangUp, tell } from '../harness/parent.js';

interface Closable {
  close(): void;
  unlink(): void;
  name: string | undefined;
}

const makers: Record<string, (name: string | undefined) => Closable> = {
  Lock: (name) => new Lock({ name }),
  RLock: (name) => new RLock({ name }),
  Semaphore: (name) => new Semaphore(1, { name }),
  robust: (name) => new Semaphore(5, { name, robust: true }),
  BoundedSemaphore: (name) => new BoundedSemaphore(1, { name }),
  Value: (name) => new Value('i', 1, { name }),
  'Value with lock': (name) => {
    const value = new Value('d', 1, { name });
    value.getLock().runSync(() => value.value++);
    return value;
  },
  RawValue: (name) => new RawValue('q', 1, { name }),
  SharedArray: (name) => new SharedArray('i', 10, { name }),
  'large array': (name) => new RawArray('d', 20_000, { name }),
  booleans: (name) => new SharedArray('?', 10, { name }),
  SharedMemory: (name) => SharedMemory.create({ name, size: 10_000 }),
};

const times = 1000;

for (const [kind, make] of Object.entries(makers)) {
  for (const how of ['named', 'anonymous', 'sent']) {
    round(kind, make, how, 50);
    const before = await settled();
    round(kind, make, how, times);
    const after = await settled();
    await tell({
      kind,
      how,
      fds: after.fds - before.fds,
      maps: after.maps - before.maps,
      bytes: after.bytes - before.bytes,
    });
  }
}
await tell('done');
hangUp();

function round(kind: string, make: (name: string | undefined) => Closable, how: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const object = make(how === 'named' ? `test-growth-${process.pid}-${kind.replace(/\W/g, '')}-${i}` : undefined);
    if (how === 'sent') (deserialize(serialize(object)) as Closable).close();
    object.close();
    if (how === 'named') object.unlink();
  }
}

/** Counts when finalisers have run: they free the addresses. */
async function settled(): Promise<{ fds: number; maps: number; bytes: number }> {
  for (let i = 0; i < 4; i++) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise(setImmediate);
  }
  return {
    fds: readdirSync('/proc/self/fd').length,
    maps: readFileSync('/proc/self/maps', 'latin1').split('\n').length,
    bytes: Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1024,
  };
}
