/** This process's fork server: one that it started, or the one that made it. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { now } from '../../deadline.js';
import { EOFError, ProcessError, SystemError } from '../../errors.js';
import { onReadable } from '../../lifecycle/readiness.js';
import { getLogger } from '../../logging.js';
import { FdEvents, native } from '../../native.js';
import { writeToStderr } from '../../stderr.js';
import { clearTimeout, setTimeout } from '../../timing.js';
import { inheritedExecArgv } from '../exec-argv.js';
import { executable } from '../executable.js';
import { mainUrl } from '../main-module.js';
import { alwaysPreloaded, forkserverPreload, setForkserverPreload } from '../preload.js';
import { lookInterval } from '../progress.js';
import { self } from '../self.js';
import { ownEnvironment } from './environment.js';
import { type Begun, type Hello, type Readiness, receiveData, sendData } from './protocol.js';
import { ServerProcess } from './server-process.js';
import { changedAttributes, startState } from './start-state.js';

/** How long a server may take to read its hello, in ms: a long environment exceeds the kernel's buffer. */
const helloPatience = 20_000;

/** How long the rest of a message may take after its first bytes, in ms. */
const shortly = 100;

export interface Server {
  /** The socket for requests. */
  readonly requests: number;
  /** Its hello. */
  readonly hello: Hello;
  /** The list of modules to preload at that time. */
  readonly list: readonly string[];
  /** The node that runs it. */
  readonly executable: string;
  /** Present if this process started it. */
  readonly process: ServerProcess | undefined;
  /** The channel on which its answer is awaited. */
  control: number | undefined;
  /** Whether its program runs: node has started. */
  begun: boolean;
  /** Its answer. */
  readiness: Readiness | undefined;
  /** Called when its answer has arrived, or none can come any more. */
  readonly onSettled: Set<() => void>;
}

/** Thrown where no server can serve this program: its children are spawned. */
export class Unsuitable extends Error {}

let server: Server | undefined;
/** Why no server can serve this program, as long as the same node runs it. */
let unsuitable: { readonly reason: string; readonly executable: string } | undefined;
/** The start state of this process at the last `start()` whose child the server could not make because of it. */
let deviatingState: string | undefined;
/** The list of modules with which a server could not serve: the next server loads none of them. */
let refusedList: readonly string[] | undefined;
/** Number of servers in a row that ended before they served. */
let deaths = 0;

/**
 * Returns the server, and starts it if there is none. Blocks until it is ready, as long as it makes progress.
 *
 * At most three servers are started for that: one more without the list of modules to preload, and one more to read
 * what node writes to stderr before it ends.
 *
 * @throws ProcessError if a module cannot be preloaded, or the executable is not a node
 * @throws Unsuitable if no server can serve this program, or not this child
 */
export function connect(): Server {
  checkStartState();
  for (;;) {
    const candidate = begin();
    if (candidate.control === undefined) return candidate;
    try {
      while (candidate.readiness === undefined) hear(candidate, candidate.control, lookInterval);
      conclude(candidate, candidate.readiness);
    } catch (error) {
      if (!isGone(error)) {
        dismiss(candidate);
        throw error;
      }
      mourn(candidate);
    }
  }
}

/** Starts the server ahead, and resolves when it serves. Rejects like `connect`. */
export async function connectAhead(): Promise<void> {
  for (;;) {
    const candidate = begin();
    if (candidate.control === undefined) return;
    await answered(candidate, candidate.control);
    // Its answer may make another one start, which is awaited in the same way.
    if (candidate.control === undefined) continue;
    try {
      hear(candidate, candidate.control, 0);
      if (candidate.readiness !== undefined) conclude(candidate, candidate.readiness);
    } catch (error) {
      if (!isGone(error)) {
        dismiss(candidate);
        throw error;
      }
      mourn(candidate);
    }
  }
}

/** Makes a child use the server that made it. */
export function adoptServer(requests: number, hello: Hello): void {
  setForkserverPreload(hello.preload);
  const list = forkserverPreload();
  native.fdOwn(requests);
  server = {
    requests,
    hello,
    list,
    executable: executable(),
    process: undefined,
    control: undefined,
    begun: true,
    readiness: undefined,
    onSettled: new Set(),
  };
}

/** Stops using this server. It ends with its last user, or at once if it does not serve yet. */
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
  const path = executable();
  if (unsuitable?.executable === path) throw new Unsuitable(unsuitable.reason);
  const list = forkserverPreload();
  if (server !== undefined && (server.list !== list || server.executable !== path)) dismiss(server);
  if (server !== undefined) return server;
  const hello = composeHello(list);
  const process_ = new ServerProcess(hello, deaths > 0);
  server = {
    requests: process_.requests,
    hello,
    list,
    executable: path,
    process: process_,
    control: process_.control,
    begun: false,
    readiness: undefined,
    onSettled: new Set(),
  };
  try {
    sendData(process_.control, hello, now() + helloPatience);
  } catch (error) {
    // It has ended already; the read of its answer shows that.
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
    preload: list === refusedList ? [] : list,
    main,
    base: main?.startsWith('file:') ? fileURLToPath(main) : resolve(process.argv[1] ?? join(process.cwd(), 'main.js')),
    argv: process.argv.slice(1),
    execArgv: inheritedExecArgv(process.execArgv),
    env: ownEnvironment(),
    startState: startState(process.env),
  };
}

/** Receives the server's next message, if one comes within the time, in ms. */
function hear(candidate: Server, control: number, time: number): void {
  const poll = native.fdPoll(Int32Array.of(control, FdEvents.readable, 0), now() + time);
  const word = poll === 1 ? (receiveData(control, now() + shortly) as Begun | Readiness | undefined) : undefined;
  if (word?.state === 'begun') {
    candidate.begun = true;
  } else if (word !== undefined) {
    candidate.readiness = word;
  } else {
    const verdict = candidate.process?.progress.verdict();
    if (verdict !== undefined) candidate.readiness = { state: 'late', verdict };
  }
}

function conclude(candidate: Server, readiness: Readiness): void {
  switch (readiness.state) {
    case 'ready':
      deaths = 0;
      writeToStderr(candidate.process?.earlyStderr() ?? '');
      settle(candidate);
      if (readiness.missing.length > 0) {
        warn(`setForkserverPreload names modules that cannot be found: ${readiness.missing.join('; ')}`);
      }
      return;
    case 'busy':
      refuse(candidate, `${readiness.with.join(', ')} kept the fork server busy, as it would each of its children`);
      return;
    case 'late':
      refuse(candidate, `the fork server does not come to serve: ${readiness.verdict}${suspect(candidate)}`);
      return;
    case 'hooked':
      giveUp('module hooks run in a thread of their own, which a fork does not copy');
      dismiss(candidate);
      return;
    case 'failed':
      throw new ProcessError(`The fork server could not load '${readiness.module}': ${readiness.reason}`);
  }
}

/** Names the module that probably keeps a server from finishing its load. */
function suspect({ begun, hello }: Server): string {
  if (begun) return ', after its program began; a module may be waiting at its top level';
  const options = [...hello.execArgv, ...(hello.env.NODE_OPTIONS ? [`NODE_OPTIONS=${hello.env.NODE_OPTIONS}`] : [])];
  const named =
    options.length === 0 ? '' : `; a module that these options preload may be waiting: ${options.join(' ')}`;
  return `, before its program began (${executable()})${named}`;
}

// Handles a server that ended before it served: a module ended it, or node did not start.
function mourn(candidate: Server): void {
  const obituary = candidate.process?.obituary() ?? '';
  deaths++;
  getLogger().warning('the fork server ended before it served (%s)', obituary);
  // The first one wrote to the program's stderr: that of the next one is kept, for the warning.
  if (deaths === 1 && !mayServeWithoutList(candidate)) dismiss(candidate);
  else refuse(candidate, `the fork server ended before it served (${obituary})`);
}

/**
 * Dismisses a server that cannot serve, in favour of one without the program's list; if this one had none either,
 * children are spawned.
 */
function refuse(candidate: Server, reason: string): void {
  const { preload } = candidate.hello;
  dismiss(candidate);
  if (mayServeWithoutList(candidate)) {
    refusedList = candidate.list;
    warn(`The fork server preloads nothing of ${preload.join(', ')}: ${reason}`);
  } else {
    giveUp(reason);
    warn(`Children are spawned instead of forked, which takes longer: ${reason}`);
  }
}

/** A server that ended before its program began has loaded nothing of the list. */
function mayServeWithoutList({ begun, hello }: Server): boolean {
  return begun && hello.preload.length > 0;
}

function giveUp(reason: string): void {
  unsuitable = { reason, executable: executable() };
}

/** Warnings that were given: each is given once. */
const warned = new Set<string>();

function warn(text: string): void {
  if (warned.has(text)) return;
  warned.add(text);
  getLogger().warning('%s', text);
  process.emitWarning(text, { type: 'MultiprocWarning', code: 'MULTIPROC_FORKSERVER' });
}

function settle(settled: Server): void {
  if (settled.control === undefined) return;
  for (const callback of settled.onSettled) callback();
  if (settled.process === undefined) native.fdClose(settled.control);
  else settled.process.started();
  settled.control = undefined;
}

// Keeps the program alive meanwhile.
function answered(candidate: Server, control: number): Promise<void> {
  return new Promise((resolve) => {
    const wait = onReadable(control, stop);
    wait.reference(true);
    const timer = setTimeout(stop, lookInterval);
    candidate.onSettled.add(stop);
    function stop() {
      candidate.onSettled.delete(stop);
      clearTimeout(timer);
      wait.cancel();
      resolve();
    }
  });
}
