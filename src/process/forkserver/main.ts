/**
 * The fork server's program: loads the modules for its children, lets the event loop run empty, and serves. Each child
 * leaves that call with an empty event loop and is a program of its own from then on.
 */
import '../entry/mark.js';
import { setFlagsFromString } from 'node:v8';
import { now } from '../../deadline.js';
import { hookedIn } from '../../lifecycle/module-hooks.js';
import { native } from '../../native.js';
import { setImmediate } from '../../timing.js';
import { beginLoading } from '../loading.js';
import { keepTitle } from '../title.js';
import { beBorn } from './born.js';
import { isGone } from './client.js';
import { company } from './company.js';
import { onceEmpty } from './empty.js';
import { changeEnvironment, difference, ownEnvironment } from './environment.js';
import { preload } from './preload.js';
import { type Begun, type Hello, inherited, type Readiness, receiveData, sendData } from './protocol.js';
import { collectGarbage, rehearse } from './rehearsal.js';
import { serve } from './serve.js';

const longestAnswer = 10_000;

for (const fd of Object.values(inherited)) native.closeOnExec(fd);
// The kernel does not identify the senders of earlier messages.
native.identifySenders(inherited.requests);
// Until here stderr may be a file in memory, for the error of a node that does not start.
native.placeDescriptor(inherited.stderr, 2);
native.closeDescriptors([inherited.stderr]);
keepTitle();
const hello = awaitHello();
say({ state: 'begun' });
if (native.canReplaceEnvironmentBlock()) {
  // Without the variables for the start of this server.
  const variables = Object.entries(hello.env).map(([name, value]) => `${name}=${value}\0`);
  native.replaceEnvironmentBlock(variables.join(''));
}
setFlagsFromString('--lazy');
process.argv = [process.execPath, ...hello.argv];
process.execArgv = [...hello.execArgv];

const loaded = beginLoading();
let missing: readonly string[] = [];
const loading = preload(hello).then(
  (notFound) => {
    missing = notFound;
    return rehearse();
  },
  ({ module, reason }): Readiness => ({ state: 'failed', module, reason }),
);
onceEmpty(loading, (problem) => {
  loaded();
  // Undoes changes by loaded modules.
  changeEnvironment(difference(ownEnvironment(), hello.env));
  const readiness: Readiness = hookedIn() ? { state: 'hooked' } : (problem ?? state());
  native.endBySignalsAlone();
  // Ctrl-C and a supervisor's SIGTERM go to the whole group. The server ends when its parent does.
  native.ignoreGroupSignals();
  collectGarbage();
  answer(readiness);
  const given = serve(inherited.requests, inherited.parent);
  native.restoreGroupSignals();
  native.releaseSignals();
  setImmediate(beBorn, given, hello);
});

// Its starter may have ended meanwhile.
function awaitHello(): Hello {
  try {
    return receiveData(inherited.control, Infinity) as Hello;
  } catch {
    native.exitNow(0);
  }
}

function state(): Readiness {
  const others = company();
  return others.length > 0 ? { state: 'busy', with: others } : { state: 'ready', missing };
}

function say(what: Begun | Readiness): void {
  try {
    sendData(inherited.control, what, now() + longestAnswer);
  } catch (error) {
    if (!isGone(error)) throw error;
    native.exitNow(0);
  }
}

function answer(readiness: Readiness): void {
  say(readiness);
  native.closeDescriptors([inherited.control]);
  // The creator receives the reason, and starts another server or spawns.
  if (readiness.state !== 'ready') native.exitNow(1);
}
