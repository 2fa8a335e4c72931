/** How a child that the fork server made becomes what its creator asked for. */
import { afterForkInChild } from '../../lifecycle/after-fork.js';
import { tellExitCode } from '../../lifecycle/child-exit.js';
import { native } from '../../native.js';
import { runErrand } from '../entry/errand.js';
import { takeTitle } from '../title.js';
import { adoptServer } from './client.js';
import { changeEnvironment } from './environment.js';
import { type Birth, type Hello, Report, type RequestDescriptors, receiveData, sendReport } from './protocol.js';

/** Waits for its creator to know of it; then takes over what it was given and does its errand. */
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
  // Also where it has the name of the server's own: that may be another directory by now.
  process.chdir(cwd);
  adoptServer(requests, hello);
  reportEnd(channel);
  void runErrand({ memory, notice, creator });
}

// Also where /proc/PID/environ shows it: a variable that the program deleted must not stay readable there.
function becomeEnvironment(servers: Readonly<Record<string, string>>, changes: Birth['env']): void {
  changeEnvironment(changes);
  if (Object.keys(changes).length === 0 || !native.canReplaceEnvironmentBlock()) return;
  const merged = Object.entries({ ...servers, ...changes }).filter(([, value]) => value !== null);
  native.replaceEnvironmentBlock(merged.map(([name, value]) => `${name}=${value}\0`).join(''));
}

// A creator that dies, or gives up, before it knows the child has never had one.
function awaitBirth(channel: number): Birth {
  try {
    return receiveData(channel, Infinity) as Birth;
  } catch {
    native.exitNow(1);
  }
}

// For the case that the server does not live to see the end. The channel's own end then tells that this process is gone,
// so processes forked from here let go of it.
function reportEnd(channel: number): void {
  tellExitCode((code) => sendReport(channel, Report.ending, code));
  afterForkInChild(() => {
    tellExitCode(undefined);
    native.closeDescriptors([channel]);
  });
}
