/**
 * The fork server's own program: it loads what its children shall find loaded, lets the event loop run empty, and
 * serves. Each child comes out of there with an empty event loop and is a program of its own from then on.
 */
import { setFlagsFromString } from 'node:v8';
import { now } from '../../deadline.js';
import { hookedIn } from '../../lifecycle/module-hooks.js';
import { native } from '../../native.js';
import { beginLoading } from '../loading.js';
import { markAsChild } from '../main-process.js';
import { beBorn } from './born.js';
import { isGone } from './client.js';
import { onceEmpty } from './empty.js';
import { changeEnvironment, difference, ownEnvironment } from './environment.js';
import { preload } from './preload.js';
import { type Hello, inherited, type Readiness, receiveData, sendData } from './protocol.js';
import { collectGarbage, rehearse } from './rehearsal.js';
import { serve } from './serve.js';

const longestAnswer = 10_000;

for (const fd of Object.values(inherited)) native.closeOnExec(fd);
// Of messages that are sent before this the kernel does not say who sent them.
native.identifySenders(inherited.requests);
const hello = awaitHello();
setFlagsFromString('--lazy');
markAsChild();
process.argv = [process.execPath, ...hello.argv];
process.execArgv = [...hello.execArgv];

const loaded = beginLoading();
const loading = preload(hello).then(
  () => rehearse(),
  ({ module, reason }): Readiness => ({ state: 'failed', module, reason }),
);
onceEmpty(loading, (problem) => {
  loaded();
  // Whatever was loaded did to it.
  changeEnvironment(difference(ownEnvironment(), hello.env));
  const readiness: Readiness = hookedIn() ? { state: 'hooked' } : (problem ?? { state: 'ready' });
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

// Whoever started it may have ended meanwhile.
function awaitHello(): Hello {
  try {
    return receiveData(inherited.control, Infinity) as Hello;
  } catch {
    native.exitNow(0);
  }
}

function answer(readiness: Readiness): void {
  try {
    sendData(inherited.control, readiness, now() + longestAnswer);
  } catch (error) {
    if (!isGone(error)) throw error;
    native.exitNow(0);
  }
  native.closeDescriptors([inherited.control]);
  // The creator is told why, and starts another one or does without.
  if (readiness.state !== 'ready') native.exitNow(1);
}
