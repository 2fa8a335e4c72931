/** The life of a child that got a message: it loads what the message names, does its work, and answers. */
import './classes.js';
import { native } from '../../native.js';
import { claimMessage, type Errand, readMessage } from '../errand.js';
import { whileLoading } from '../loading.js';
import { ReceivedMessage } from '../message.js';
import { oneself, Process } from '../process.js';
import { self } from '../self.js';
import { beginProcess, perform } from './perform.js';
import { warningIfStuck } from './slow-loading.js';

/**
 * For a spawned child, or one of the fork server.
 *
 * @param begin - makes it the child that the facts describe; a thread begins otherwise
 * @param plain - the class of the object that stands for it, where that is no subclass of the program's
 */
export async function runErrand(errand: Errand, begin = beginProcess, plain = Process): Promise<void> {
  const message = receive(errand);
  begin(message.facts, errand);
  await perform(errand, async () => {
    const current = await restore(message, errand, plain);
    self.object = current;
    return () => current.run();
  });
}

function receive(errand: Errand): ReceivedMessage {
  const bytes = readMessage(errand);
  if (bytes === undefined) throw new Error('There is no message for this process: it was not started by multiproc');
  return new ReceivedMessage(bytes);
}

/** Loads what the message names, and makes its objects. */
async function restore(message: ReceivedMessage, errand: Errand, plain: typeof Process): Promise<Process> {
  take(message, errand);
  let work: ReturnType<ReceivedMessage['work']>;
  try {
    if (!message.isAtHand()) await warningIfStuck(() => whileLoading(() => message.load()));
    work = message.work();
  } catch (error) {
    message.discard();
    throw error;
  }
  const { args, fields } = message.restore();
  return Object.assign(oneself((work.subclass ?? plain) as typeof Process, work.target, args), fields);
}

// A child that ends before has left all of it to its creator, and one that ends after has it: half of it would belong to
// neither. So this comes before any module is loaded, which may fail, or end the process.
function take(message: ReceivedMessage, errand: Errand): void {
  native.holdSignals();
  try {
    claimMessage(errand);
    message.take();
  } finally {
    native.releaseSignals();
  }
}
