/** Another process in the tests of handles: deserialises what it is sent, uses it, and answers. */
import { deserialize, type Lock, Semaphore, serialize, type Value } from 'multiproc';
import { hangUp, hear, tell } from '../harness/parent.js';

interface Order {
  do: 'use' | 'keep' | 'return';
  bytes: Uint8Array;
}

const kept: unknown[] = [];

for (let order = await hear<Order | 'end'>(); order !== 'end'; order = await hear<Order | 'end'>()) {
  try {
    await tell(act(order));
  } catch (error) {
    await tell({ failed: (error as { code?: string }).code ?? String(error) });
  }
}
hangUp();

function act(order: Order): unknown {
  if (order.do === 'return') {
    // The very object goes back, through a handle of this process.
    const value = deserialize(order.bytes) as Value<'i'>;
    kept.push(value);
    return serialize({ back: value });
  }
  const { value, array, nested, locks } = deserialize(order.bytes) as {
    value: Value<'i'>;
    array: Float64Array;
    nested: Map<string, unknown[]>;
    locks: Lock[];
  };
  value.add(1);
  array[1] = 0.25;
  const [again, semaphore] = nested.get('deep') as [Value<'i'>, Semaphore];
  again.add(10);
  semaphore.tryAcquire();
  if (order.do === 'keep') kept.push(value);
  return {
    same: again === value,
    lock: value.getLock() === (locks[0] as unknown),
    held: locks[0]?.locked(),
    semaphore: semaphore instanceof Semaphore,
    array: [...array],
  };
}
