/**
 * The main sequence of a child that received a message: loads the modules that it names, does its work, and answers.
 */
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
 * Runs the errand of a spawned child, or of one of the fork server.
 *
 * @param begin - makes this process the child that the facts describe; a thread begins otherwise
 * @param plain - the class of its object, unless that is a subclass of the program
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

/** Loads the modules that the message names, and makes its objects. */
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

// Takes over the message as a whole: a child that ends before this has left all of it to its creator, and one that ends
// after it owns it. So this precedes the load of any module, which may fail, or end the process.
function take(message: ReceivedMessage, errand: Errand): void {
  native.holdSignals();
  try {
    claimMessage(errand);
    message.take();
  } finally {
    native.releaseSignals();
  }
}
