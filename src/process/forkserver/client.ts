/** This process's fork server: one that it started, or the one that made it. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { now } from '../../deadline.js';
import { EOFError, ProcessError, SystemError } from '../../errors.js';
import { onReadable } from '../../lifecycle/readiness.js';
import { getLogger } from '../../logging.js';
import { native } from '../../native.js';
import { inheritedExecArgv } from '../exec-argv.js';
import { alwaysPreloaded, forkserverPreload, setForkserverPreload } from '../preload.js';
import { self } from '../self.js';
import { mainUrl } from '../target.js';
import { ownEnvironment } from './environment.js';
import { type Hello, type Readiness, receiveData, sendData } from './protocol.js';
import { ServerProcess } from './server-process.js';
import { changedAttributes, startState } from './start-state.js';

/** How long a server may take from its start until it serves, in ms; what it preloads is part of that. */
const startPatience = 120_000;

export interface Server {
  /** Where requests go. */
  readonly requests: number;
  /** What it was told at its start. */
  readonly hello: Hello;
  /** What was to be preloaded then. */
  readonly list: readonly string[];
  /** Where this process started it. */
  readonly process: ServerProcess | undefined;
  /** Its answer is still to come on this channel. */
  control: number | undefined;
  /** Called when its answer has come, or never will. */
  readonly onSettled: Set<() => void>;
}

/** Thrown where no server can serve this program: its children are spawned. */
export class Unsuitable extends Error {}

let server: Server | undefined;
/** What a server found that cannot serve this program. */
let unsuitable: string | undefined;
/** The start state of this process at the last `start()` whose child the server could not make because of it. */
let deviatingState: string | undefined;
/** The list of modules of which a server said that they stay busy. */
let busyList: readonly string[] | undefined;

/**
 * The server, started if there is none, and ready. Blocks meanwhile.
 *
 * @throws ProcessError if a module cannot be preloaded, or the server does not come to serve
 * @throws Unsuitable if this process has changed since the server started: the server's children would not have that
 */
export function connect(): Server {
  checkStartState();
  for (let attempt = 1; ; ) {
    const candidate = begin();
    if (candidate.control === undefined) return candidate;
    try {
      conclude(candidate, receiveData(candidate.control, now() + startPatience) as Readiness | undefined);
    } catch (error) {
      dismiss(candidate);
      if (!isGone(error)) throw error;
      if (attempt++ === 2) throw new ProcessError('The fork server ends before it serves', { cause: error });
      getLogger().warning('the fork server ended before it served, starting another');
    }
  }
}

/** Starts the server ahead, and resolves when it serves. Rejects as `connect` throws. */
export async function connectAhead(): Promise<void> {
  const candidate = begin();
  if (candidate.control === undefined) return;
  await answered(candidate, candidate.control);
  // Nothing is left to wait for, but perhaps to do: another server may have to be started.
  connect();
}

/** A child asks the server that made it. */
export function adoptServer(requests: number, hello: Hello): void {
  setForkserverPreload(hello.preload);
  const list = forkserverPreload();
  native.fdOwn(requests);
  server = { requests, hello, list, process: undefined, control: undefined, onSettled: new Set() };
}

/** From now on another server is used. This one ends when nobody uses it, at once if it does not serve yet. */
export function dismiss(dismissed: Server): void {
  if (dismissed === server) server = undefined;
  if (dismissed.control !== undefined) dismissed.process?.kill();
  settle(dismissed);
  native.fdClose(dismissed.requests);
}

/** Whether an error says that the other side of a socket has ended. */
export function isGone(error: unknown): boolean {
  if (error instanceof EOFError) return true;
  return error instanceof SystemError && ['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ENOTCONN'].includes(error.code);
}

function begin(): Server {
  if (unsuitable !== undefined) throw new Unsuitable(unsuitable);
  const list = forkserverPreload();
  if (server !== undefined && server.list !== list) dismiss(server);
  if (server !== undefined) return server;
  const hello = composeHello(list);
  const process_ = new ServerProcess(hello);
  server = {
    requests: process_.requests,
    hello,
    list,
    process: process_,
    control: process_.control,
    onSettled: new Set(),
  };
  try {
    sendData(process_.control, hello, now() + startPatience);
  } catch (error) {
    // It has ended already, which is seen when its answer is read.
    if (!isGone(error)) throw error;
  }
  return server;
}

/**
 * A server copies the process that starts it, and its children are copies of the server. When this process has changed
 * (dropped privileges, got other limits), the next child is spawned. If the child after that finds the same state, the
 * program has changed for good and a new server takes over; a program that changes before every child keeps its server.
 */
function checkStartState(): void {
  if (server === undefined) return;
  const state = startState(process.env);
  if (state === server.hello.startState) return;
  if (state === deviatingState) {
    dismiss(server);
    return;
  }
  deviatingState = state;
  const changed = changedAttributes(server.hello.startState, state).join(', ');
  throw new Unsuitable(`this process has changed since the fork server started: ${changed}`);
}

function composeHello(list: readonly string[]): Hello {
  const main = self.main ?? mainUrl();
  return {
    own: alwaysPreloaded(),
    preload: list === busyList ? [] : list,
    main,
    base: main?.startsWith('file:') ? fileURLToPath(main) : resolve(process.argv[1] ?? join(process.cwd(), 'main.js')),
    argv: process.argv.slice(1),
    execArgv: inheritedExecArgv(process.execArgv),
    env: ownEnvironment(),
    startState: startState(process.env),
  };
}

function conclude(candidate: Server, readiness: Readiness | undefined): void {
  switch (readiness?.state) {
    case 'ready':
      settle(candidate);
      return;
    case 'busy':
      busyList = candidate.list;
      getLogger().warning(
        'the fork server preloads nothing: what it was to load stays busy (%s), which every child would be, too',
        readiness.with.join(', '),
      );
      dismiss(candidate);
      return;
    case 'hooked':
      unsuitable = 'module hooks run in a thread of their own, which a fork does not copy';
      throw new Unsuitable(unsuitable);
    case 'failed':
      throw new ProcessError(`The fork server could not load '${readiness.module}': ${readiness.reason}`);
    default:
      throw new ProcessError(`The fork server was not ready after ${startPatience / 1000} s`);
  }
}

function settle(settled: Server): void {
  if (settled.control === undefined) return;
  for (const callback of settled.onSettled) callback();
  native.fdClose(settled.control);
  settled.control = undefined;
}

// Keeps the program alive meanwhile.
function answered(candidate: Server, control: number): Promise<void> {
  return new Promise((resolve) => {
    const wait = onReadable(control, resolve);
    wait.reference(true);
    candidate.onSettled.add(() => {
      wait.cancel();
      resolve();
    });
  });
}
