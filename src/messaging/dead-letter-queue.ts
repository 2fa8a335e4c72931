/** Where the dead letters of a joinable queue go: a queue object, or what has a name at that moment. */
import { MultiprocError, SystemError } from '../errors.js';
import { Later, Message, mostUnits } from '../serialize/records.js';
import { Block, BlockKind, isQueue, kindNames } from '../shared/block.js';
import { pack } from './parcel.js';
import type { Queue } from './queue.js';
import { obtainRing, Put, Ring } from './ring.js';

/**
 * Puts what was read from a dead letter into the queue as it is: what is in transit in it goes on its way.
 *
 * @returns `false` if the queue does not take it now: it is full, has ended, or is closed here
 */
export function putDeadLetter(value: unknown, into: Queue | string): boolean {
  if (value instanceof Later && value.bytes.length === 0) return false;
  try {
    const record = value instanceof Later ? new Message(value.bytes) : pack(value).value;
    if (typeof into !== 'string') return put(into.ring, record);
    const block = open(into);
    try {
      if (!isQueue(block.kind)) return false;
      return put(new Ring(block), record);
    } finally {
      block.release();
    }
  } catch (error) {
    // The letter is kept where it is; who looks at the queue finds it there.
    if (error instanceof MultiprocError) return false;
    throw error;
  }
}

/** @throws MultiprocError `ERR_MULTIPROC_KIND` if the name belongs to something else than a queue */
export function checkDeadLetterName(name: string, own: string | undefined): void {
  if (name === own) {
    throw new MultiprocError(
      `The queue '${name}' cannot be its own dead-letter queue: give "deadLetter" another name`,
      {
        code: 'ERR_MULTIPROC_KIND',
      },
    );
  }
  let kind: BlockKind;
  try {
    const block = Block.open(name);
    kind = block.kind;
    block.release();
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ENOENT') return;
    throw error;
  }
  if (isQueue(kind)) return;
  throw new MultiprocError(`Expected "deadLetter" to name a queue, but '${name}' is a ${kindNames[kind]}`, {
    code: 'ERR_MULTIPROC_KIND',
  });
}

function put(ring: Ring, record: unknown): boolean {
  return ring.puts.tryPut(record, mostUnits(record), 0) === Put.done;
}

function open(name: string): Block {
  try {
    return Block.open(name);
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'ENOENT') throw error;
    return obtainRing('open-or-create', BlockKind.queue, { name, maxsize: 0, chains: true });
  }
}
