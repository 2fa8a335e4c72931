/** Initialisation of a child that the fork server made. */
import { afterForkInChild } from '../../lifecycle/after-fork.js';
import { tellExitCode } from '../../lifecycle/child-exit.js';
import { native } from '../../native.js';
import { runErrand } from '../entry/errand.js';
import { takeTitle } from '../title.js';
import { adoptServer } from './client.js';
import { changeEnvironment } from './environment.js';
import { type Birth, type Hello, Report, type RequestDescriptors, receiveData, sendReport } from './protocol.js';

/** Waits until the creator has the pid; then takes over the descriptors and runs the errand. */
export function beBorn(given: RequestDescriptors, hello: Hello): void {
  const { channel, creator, memory, notice, requests, stdio } = given;
  const { cwd, env, title, umask } = awaitBirth(channel);
  stdio.forEach((fd, target) => {
    native.placeDescriptor(fd, target);
  });
  native.closeDescriptors(stdio);
  becomeEnvironment(hello.env, env);
  if (umask !== -1) process.umask(umask);
  takeTitle(title);
  // Also if it has the name of the server's directory: that may be another one by now.
  process.chdir(cwd);
  adoptServer(requests, hello);
  reportEnd(channel);
  void runErrand({ memory, notice, creator });
}

// Also changes /proc/PID/environ: a variable that the program deleted must not stay readable there.
function becomeEnvironment(servers: Readonly<Record<string, string>>, changes: Birth['env']): void {
  changeEnvironment(changes);
  if (Object.keys(changes).length === 0 || !native.canReplaceEnvironmentBlock()) return;
  const merged = Object.entries({ ...servers, ...changes }).filter(([, value]) => value !== null);
  native.replaceEnvironmentBlock(merged.map(([name, value]) => `${name}=${value}\0`).join(''));
}

// If the creator dies or gives up before it has the pid, the child ends unused.
function awaitBirth(channel: number): Birth {
  try {
    return receiveData(channel, Infinity) as Birth;
  } catch {
    native.exitNow(1);
  }
}

// Reports the exit code for the case that the server does not live to see the end. The end of the channel signals the
// end of this process, so processes forked from here close it.
function reportEnd(channel: number): void {
  tellExitCode((code) => sendReport(channel, Report.ending, code));
  afterForkInChild(() => {
    tellExitCode(undefined);
    native.closeDescriptors([channel]);
  });
}
