/**
 * A rehearsal of a child's first steps in the server, so that children find them compiled, and a garbage collection, so
 * that children need not do it each in a copy of the memory.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { now } from '../../deadline.js';
import { prepareIdentity } from '../../lifecycle/child-identity.js';
import { freshRandomness } from '../../lifecycle/child-randomness.js';
import { loggingState } from '../../logging.js';
import { native } from '../../native.js';
import { serialize } from '../../serialize/codec.js';
import { claimMessage, closeErrand, makeErrand, Outcome, readAnswer, readMessage, writeAnswer } from '../errand.js';
import type { ChildFacts } from '../facts.js';
import { mainUrl } from '../main-module.js';
import { composeMessage, ReceivedMessage } from '../message.js';
import { oneself, Process } from '../process.js';
import { changeEnvironment, difference, ownEnvironment } from './environment.js';
import { type Birth, receiveData, sendData } from './protocol.js';

/** Number of rounds: V8 compiles at the first call, and optimises after some. */
const rounds = 10;

const target = { module: new URL('./nothing.js', import.meta.url).href, export: 'nothing' };

export async function rehearse(): Promise<undefined> {
  prepareIdentity();
  const [one, other] = native.channelPair(false);
  for (let round = 0; round < rounds; round++) {
    const env = ownEnvironment();
    sendData(one, { cwd: process.cwd(), umask: -1, title: '', env: difference(env, env) } satisfies Birth, now());
    changeEnvironment((receiveData(other, now()) as Birth).env);
    freshRandomness();
    await rehearseErrand();
  }
  native.closeDescriptors([one, other]);
}

async function rehearseErrand(): Promise<void> {
  const message = composeMessage(facts(), { target, args: [], subclass: undefined, fields: {} });
  const errand = makeErrand(message);
  const received = new ReceivedMessage(readMessage(errand) as Buffer);
  claimMessage(errand);
  received.take();
  received.isAtHand();
  await received.load();
  const { target: loaded } = received.work();
  const { args, fields } = received.restore();
  await Object.assign(oneself(Process, loaded, args), fields).run();
  writeAnswer(errand, { outcome: Outcome.returned, bytes: serialize(undefined), keeps: false });
  readAnswer(errand);
  closeErrand(errand);
}

function facts(): ChildFacts {
  return {
    name: '',
    identity: [],
    daemon: false,
    authkey: Buffer.alloc(0),
    method: 'forkserver',
    creator: { pid: process.pid, name: '', participant: 0 },
    argv: process.argv.slice(1),
    main: mainUrl(),
    cwd: process.cwd(),
    logging: loggingState(),
  };
}

/** Empties the young generation: a child's first collection then visits only the child's own objects. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  for (let i = 0; i < 3; i++) collect();
}
