/** The typed contract of the addon; the only file that loads it. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MultiprocError, SystemError } from './errors.js';
import { printableName } from './printable.js';
import { explainShmFailure } from './shm-failure.js';

/** A mapping of shared memory, held alive by this value and by every buffer over it. Opaque. */
export type MappingHandle = { readonly __mapping: unique symbol };

/** A named POSIX semaphore, opened. Opaque. */
export type PosixSemaphoreHandle = { readonly __posixSemaphore: unique symbol };

/** A message of a Unix socket. */
export interface Received {
  /** 0: no sender is left. */
  readonly size: number;
  /** The receiver's to close. */
  readonly descriptors: readonly number[];
  /** The sender's, as this process sees it; 0 unless `identifySenders`. */
  readonly pid: number;
  readonly uid: number;
  /** It was longer than the buffer, or carried too many descriptors. */
  readonly truncated: boolean;
}

/** The number that stands for an open segment in this thread. */
export type SegmentId = number;

/** Kinds of objects to wait for; the values of `sync::Target::Kind`. */
export const TargetKind = {
  lock: 1,
  semaphore: 2,
  permits: 3,
  event: 4,
  condition: 5,
  barrier: 6,
  barrierRoom: 7,
  ringItems: 12,
  ringTaken: 13,
  ringDone: 14,
  pipeReadable: 8,
  pipeWritable: 9,
  computation: 10,
} as const;

/** Events of a descriptor to wait for; the bits of `sys::kReadable` and `sys::kWritable`. */
export const FdEvents = { readable: 1, writable: 2 } as const;

/** The layout of shared memory, as the C++ side was compiled. All offsets and sizes are in bytes. */
export interface Layout {
  readonly abi: number;
  readonly headerSize: number;
  readonly registryOffset: number;
  readonly creatorPidOffset: number;
  readonly createdOffset: number;
  readonly transitsOffset: number;
  readonly firstBlock: number;
  readonly blockAlignment: number;
  readonly blockHeaderSize: number;
  readonly wordOffset: number;
  readonly depthOffset: number;
  readonly tableOffset: number;
  readonly barrierOffset: number;
  readonly barrierSize: number;
  readonly barrierTimeoutOffset: number;
  readonly conditionOffset: number;
  readonly conditionSize: number;
  readonly ringOffset: number;
  readonly ringSize: number;
  readonly ringExtents: number;
  readonly pipeOffset: number;
  readonly pipeCapacity: number;
  readonly pipeSize: number;
  readonly oneWayPipeSize: number;
  readonly dataOffset: number;
  readonly ownerMask: number;
  readonly dirty: number;
  readonly contended: number;
  readonly maxParties: number;
  readonly maxRobustPermits: number;
}

/**
 * Functions of the addon. Arguments are checked by the callers: what is wrong here is a fault of this package.
 * `body` is the byte offset of an object's body in its segment; deadlines are milliseconds on the monotonic clock.
 */
export interface Native {
  /** Frees the ArrayBuffer's memory from the JavaScript side: its views have length 0 afterwards. */
  detachBuffer(buffer: ArrayBuffer): void;
  /** Lets go of the shared pages and keeps the addresses reserved. Detach the buffers over the mapping first. */
  retireMapping(handle: MappingHandle): void;
  /** Large blocks are going to come and go: malloc keeps up to 64 MiB that were freed. */
  keepFreedMemory(): void;
  /** Registers the function that makes every error the addon throws for a failed system call. */
  setErrorFactory(make: (code: string, errno: number, syscall: string, name: string, text: string) => Error): void;

  /** This thread's participant id, attached at the first call. */
  attach(): number;
  adopt(id: number): void;
  /** Fails with `ERR_MULTIPROC_USER` if the effective user is another one than at the first use. */
  checkUser(): void;
  /** The user whose objects this process uses: the effective one at the first use, or now while there was none. */
  user(): number;
  forget(): void;
  isDead(id: number): boolean;
  participant(id: number): { pid: number | null; startedMs: number | null; alive: boolean };
  waitersFor(segment: SegmentId, body: number): number[];
  /** Pid, inode of the segment, and body modulo 256 MiB of each wait in which a living thread is parked. */
  waits(): [pid: number, inode: number, body: number][];
  registryState(): { name: string; participants: number; slots: number; futexWaitv: boolean };
  setHeartbeat(beat: () => void): void;

  lockTry(segment: SegmentId, body: number): boolean;
  lockAcquire(segment: SegmentId, body: number, deadline: number): boolean;
  /** Returns the number of woken waiters; −1 if the lock was free. */
  lockRelease(segment: SegmentId, body: number): number;
  /** For at most 2 ms, lets a sleeper that the last release woke take it. */
  lockGiveWay(segment: SegmentId, body: number): void;
  lockMarkConsistent(segment: SegmentId, body: number): boolean;

  semaphoreAcquire(segment: SegmentId, body: number, deadline: number): boolean;
  /** Returns the number of woken waiters; −1, with nothing changed, if there were more than `limit` then. */
  semaphoreRelease(segment: SegmentId, body: number, count: number, limit: number): number;
  /** For at most 2 ms, lets a sleeper that the last release woke take it. */
  semaphoreGiveWay(segment: SegmentId, body: number): void;
  /** The index of the permit taken, or −1. */
  permitTry(segment: SegmentId, body: number, limit: number): number;
  permitAcquire(segment: SegmentId, body: number, limit: number, deadline: number): number;
  /** Returns the number of woken waiters; −1 if this thread does not hold that permit. */
  permitRelease(segment: SegmentId, body: number, limit: number, index: number): number;
  /** For at most 2 ms, lets a sleeper that the last release woke take it. */
  permitGiveWay(segment: SegmentId, body: number, limit: number): void;
  permitsFree(segment: SegmentId, body: number, limit: number): number;

  /** One more wait of this thread, which holds the lock; false if there are too many. */
  conditionEnter(segment: SegmentId, body: number): boolean;
  /**
   * Enters, frees the lock, and blocks. −1: too many waits, the lock is still held. Else 1 if it was notified, plus 2 if
   * the lock is held again and the notification, if there was one, consumed.
   *
   * @param claimed how many notified waits of this thread know it already
   */
  conditionWait(
    segment: SegmentId,
    body: number,
    lockSegment: SegmentId,
    lockBody: number,
    claimed: number,
    deadline: number,
  ): number;
  /** False if the wait that gives up has been notified meanwhile. */
  conditionLeave(segment: SegmentId, body: number, claimed: number): boolean;
  conditionConsume(segment: SegmentId, body: number): void;
  /** Returns whether a waiter is to be woken, by `conditionWake`, as soon as the lock is free. */
  conditionNotify(segment: SegmentId, body: number, count: number): boolean;
  conditionWake(segment: SegmentId, body: number): void;
  conditionWaiting(segment: SegmentId, body: number): number;

  /**
   * Returns the `arrival` for the other calls; −1 if the barrier is broken, −2 if no party can arrive at the moment.
   */
  barrierArrive(segment: SegmentId, body: number, parties: number): number;
  /** Blocks until a party can arrive. */
  barrierRoom(segment: SegmentId, body: number, parties: number, deadline: number): boolean;
  /** Blocks, and leaves: 0 passed, 1 broken, 2 broken by this wait, whose deadline has passed. */
  barrierWait(segment: SegmentId, body: number, parties: number, arrival: number, deadline: number): number;
  /** Releases all parties, called by the last one to arrive, which leaves: 0 passed, 1 broken. */
  barrierComplete(segment: SegmentId, body: number, parties: number, arrival: number): number;
  /** Breaks the barrier unless it has passed, and leaves: 0 passed, 1 broken. */
  barrierGiveUp(segment: SegmentId, body: number, parties: number, arrival: number): number;
  /** For an arrival whose round has ended: 0 passed, 1 broken. */
  barrierLeave(segment: SegmentId, body: number, parties: number, arrival: number): number;
  /** 0 passed, 1 broken, −1 not yet. */
  barrierOutcome(segment: SegmentId, body: number, parties: number, arrival: number): number;
  barrierAbort(segment: SegmentId, body: number, parties: number): void;
  barrierReset(segment: SegmentId, body: number, parties: number): void;
  /** Returns the number of waits; −1 if it is broken. */
  barrierWaiting(segment: SegmentId, body: number, parties: number): number;

  eventSet(segment: SegmentId, body: number): void;
  /** `before`: the word when the wait began. */
  eventWait(segment: SegmentId, body: number, before: number, deadline: number): boolean;

  /** `deliver` gets tickets and what was won, alternating. */
  waitStart(deliver: (grants: number[]) => void): void;
  waitArm(kind: number, segment: SegmentId, body: number, limit: number, argument: number): number;
  /** −1, or what had been won already: it now belongs to the caller. */
  waitDisarm(ticket: number): number;
  /** −1, or what has been won and is on its way to `deliver`. */
  waitWon(ticket: number): number;
  waitReference(keep: boolean): void;
  waitRenew(): void;

  /** Called once, before the first `readinessArm`. */
  readinessStart(settle: (ticket: number) => void): void;
  /** Waits for a descriptor; `events` of `FdEvents`. Told once, perhaps for nothing. */
  readinessArm(fd: number, events: number): number;
  /** Must come before the descriptor is closed. */
  readinessDisarm(ticket: number): void;
  readinessReference(keep: boolean): void;

  /** Fails for what is no open descriptor, and keeps it from programs that are executed. */
  fdCheck(fd: number): void;
  /** Also one that is owned. */
  fdClose(fd: number): void;
  /** Another descriptor of the same. */
  fdCopy(fd: number): number;
  /** Closes the descriptor with this thread's environment; before that, only `fdClose` may close it. */
  fdOwn(fd: number): void;
  /**
   * Blocks until one of the descriptors is ready: of each (descriptor, events, which of them came) the third is filled.
   *
   * @returns how many are ready
   */
  fdPoll(interests: Int32Array, deadline: number): number;
  /** Returns the number of bytes read to `bytes` from `offset` on: 0 at the end, −1 when none are available. */
  fdRead(fd: number, bytes: Uint8Array, offset: number): number;
  /** Returns the number of bytes written of both, each from its offset on; −1 when there is no room. */
  fdWrite(fd: number, header: Uint8Array, headerOffset: number, body: Uint8Array, bodyOffset: number): number;

  /** Keeps a copy of the descriptor until it was fetched for the last time or this thread ends; the ticket for that. */
  descriptorKeep(fd: number): string;
  /** Nobody is going to fetch it. */
  descriptorDrop(ticket: string): void;
  /**
   * Fetches another copy from the process of this user that keeps it; blocks for a moment. `last`: it is kept no
   * longer.
   */
  descriptorFetch(ticket: string, last: boolean): number;

  /** Addresses: whether it is local, the path or the figures, the port. Descriptors do not block. */
  socketListen(local: boolean, text: string, port: number, backlog: number): number;
  /** The descriptor and whether it is connected: else wait until it is writable; `null`: the listener has no room now. */
  socketConnect(local: boolean, text: string, port: number): [number, boolean] | null;
  /** Fails if the connection did not come about; `text` is the address for people. */
  socketFinish(fd: number, text: string): void;
  /** Returns the descriptor and the peer's address; `null` without a client. */
  socketAccept(listener: number): [number, [boolean, string, number]] | null;
  socketAddress(fd: number): [boolean, string, number];
  /** The address at the other side; of a local socket the name that the listener has bound. */
  socketPeerAddress(fd: number): [boolean, string, number];
  /** The effective user id at the other side of a local socket or a private pipe; -1: not known, as with TCP. */
  socketPeerUser(fd: number): number;
  /** Blocks while a name server is asked. */
  socketResolve(host: string): string;
  /** Whether the socket of the file is open; its listener does not notice. */
  socketProbe(path: string): boolean;

  /** `kind` of {@link TargetKind}; 0 when the deadline passed, 1 if looking (up to 50 µs) was enough, 2 after a sleep. */
  ringWait(
    kind: number,
    segment: SegmentId,
    body: number,
    argument: number,
    deadline: number,
    look: boolean,
  ): 0 | 1 | 2;
  /** Raises the turn of a slot of a map, and wakes all its waiters. */
  mapRaise(segment: SegmentId, slot: number): void;
  /** Wakes up to `count` (−1: all) of those who sleep on the mark at `offset`. */
  ringWake(segment: SegmentId, offset: number, count: number): number;
  /** One more of a participant has the end of a pipe (0 or 1, plus 2 for two directions); false: too many have it. */
  pipeEnter(segment: SegmentId, body: number, end: number, participant: number): boolean;
  /** One less, of a participant that entered. */
  pipeLeave(segment: SegmentId, body: number, end: number, participant: number): void;
  /**
   * Continues a message of which `sent` bytes are written; returns the number of written bytes; −1: all; −2: no
   * receiver is left; −6: the words of the pipe are damaged.
   */
  pipePut(segment: SegmentId, body: number, end: number, bytes: Uint8Array, sent: number, deadline: number): number;
  /** The rest of the message on its way is not sent: what arrived of it is dropped. */
  pipeAbandon(segment: SegmentId, body: number, end: number): void;
  /**
   * The size of the next message, which is in `bytes` now; −1: none came; −2: none will; −3: it is larger, go on with
   * `pipeContinue`; −4: it is longer than `most`. For these two `size[0]` says how long it is;
   * −6: the words of the pipe are damaged.
   */
  pipeTake(
    segment: SegmentId,
    body: number,
    end: number,
    bytes: Uint8Array,
    most: number,
    size: Float64Array,
    deadline: number,
  ): number;
  /**
   * How many bytes of the larger message, which has `size`, are there; −5: its sender gave up. With less room left in
   * `bytes` than the rest and than the pipe's capacity, it may go no further.
   */
  pipeContinue(
    segment: SegmentId,
    body: number,
    end: number,
    bytes: Uint8Array,
    got: number,
    size: number,
    deadline: number,
  ): number;
  pipeDrop(segment: SegmentId, body: number, end: number): void;
  /** Whether a receive would not wait. */
  pipeReady(segment: SegmentId, body: number, end: number, deadline: number): boolean;
  /**
   * Looks, and lets others run meanwhile, until receiving may go on at one of the ends; false when the deadline has passed, or
   * others want the CPU.
   * `ends` has three numbers for each: segment, body and end.
   */
  pipesLook(ends: Float64Array, deadline: number): boolean;

  /**
   * Blocks until one of the targets (kind, segment, body, limit, argument) or descriptors may go on, or the deadline
   * passed. Only for targets of which nothing is taken.
   */
  waitAny(targets: readonly (readonly number[])[], descriptors: Int32Array, deadline: number): boolean;

  /** Memory without header and blocks: published, seen through buffers and released like a segment. */
  memoryCreate(size: number, temporaryName: string): SegmentId;
  memoryOpen(fileName: string, most: number, sizeIfEmpty: number): SegmentId;

  layout(): Layout;
  /** `reserved`: of a sparse segment, so many bytes are backed by memory at first. */
  segmentCreate(kind: number, size: number, temporaryName: string, reserved: number): SegmentId;
  /** Backs a part of a sparse segment with memory; `ENOSPC` if there is not enough. */
  segmentReserve(segment: SegmentId, offset: number, length: number): void;
  segmentDiscard(segment: SegmentId, offset: number, length: number): void;
  /** `false` if another process was first. */
  segmentPublish(segment: SegmentId, fileName: string): boolean;
  /** A text says why the file cannot be a segment of ours. */
  segmentOpen(fileName: string): SegmentId | string;
  /** `[kind, generation, type, flags, length, size]`, or a text that says what is wrong. */
  segmentBlock(segment: SegmentId, offset: number): [number, number, number, number, number, number] | string;
  segmentBuffer(segment: SegmentId, offset: number, length: number): ArrayBuffer;
  /** `[size, inode]` */
  segmentFacts(segment: SegmentId): [number, number];
  segmentRelease(segment: SegmentId): void;
  /** `keeper`: the participant while whose life the handle counts. */
  segmentSend(segment: SegmentId, keeper: number): boolean;
  segmentReceive(segment: SegmentId, sender: number): void;
  sweepFile(fileName: string): 'removed' | 'in-use' | 'gone';
  unlinkFile(fileName: string): void;

  /** Names carry their leading slash; `most` is the largest size that an ArrayBuffer may have. */
  posixShmOpen(
    name: string,
    create: boolean,
    exclusive: boolean,
    mode: number,
    size: number,
    most: number,
  ): { mapping: MappingHandle; buffer: ArrayBuffer };
  posixShmUnlink(name: string): void;

  posixSemaphoreOpen(
    name: string,
    create: boolean,
    exclusive: boolean,
    mode: number,
    value: number,
  ): PosixSemaphoreHandle;
  /** The handle must not be used afterwards. */
  posixSemaphoreClose(semaphore: PosixSemaphoreHandle): void;
  posixSemaphoreUnlink(name: string): void;
  posixSemaphoreTry(semaphore: PosixSemaphoreHandle): boolean;
  /** Blocks until `deadline` (see deadline.ts). */
  posixSemaphoreWaitSync(semaphore: PosixSemaphoreHandle, deadline: number): boolean;
  posixSemaphorePost(semaphore: PosixSemaphoreHandle): void;
  posixSemaphoreValue(semaphore: PosixSemaphoreHandle): number;
  /** Called once, before the first `posixSemaphoreArm`. */
  posixSemaphoreOnSettled(settle: (ticket: number, won: boolean) => void): void;
  posixSemaphoreArm(semaphore: PosixSemaphoreHandle, deadline: number): number;
  /** A permit that the wait had taken already goes back. */
  posixSemaphoreDisarm(ticket: number): void;
  posixSemaphoreKeepAlive(wanted: boolean): void;

  /** The child's pid; 0 in the child. */
  forkProcess(): number;
  /**
   * For a forked child, once: has `announce(false)` called when nothing keeps the event loop going any more, and
   * `announce(true)` if that is still so afterwards. The loop does not end by itself any more.
   */
  onNaturalEnd(announce: (final: boolean) => void): void;
  /**
   * For a forked child: V8 gives its helper threads nothing to do from now on, and nobody waits for them. `false` where
   * the runtime does not let that be arranged.
   */
  doWithoutHelperThreads(): boolean;
  /** Names the facility that the runtime lacks to give a forked child a stack of its own; `undefined` if none. */
  freshStartLacks(): string | undefined;
  /** For a forked child: sockets, pipes and the like that it inherited lead nowhere from now on, but for those to keep. */
  disconnectHandles(keep: Int32Array): void;
  /** Has every inherited handle of that sort appear in `process._getActiveHandles()`. */
  revealHandles(): void;
  /** Stops every timer of the event loop. */
  stopTimers(): void;
  /** Forgets what the thread pool had done, and was doing, for the parent. */
  dropPoolWork(): void;
  /** Nothing that the event loop has now keeps it going. */
  releaseLoop(): void;
  /**
   * Requests the end of all JavaScript that is on the stack: neither `catch` nor `finally` sees it. It happens at the
   * next function call or turn of a loop.
   */
  unwind(): void;
  /** Has `arrive` called in every turn of the loop until it returns true. Being unwound counts as false. */
  onFreshStack(arrive: () => boolean): void;
  /** pid (0: no child has ended yet), exit status, signal number (0: none). */
  waitChild(pid: number, noHang: boolean): [number, number, number];
  exitNow(code: number): never;
  /** Signals wait until `releaseSignals`, also those of a child that is forked meanwhile and for its own call of it. */
  holdSignals(): void;
  releaseSignals(): void;
  /** SIGINT and SIGTERM end this process without a touch of the terminal, which is others' as well. */
  endBySignalsAlone(): void;
  /** Ignores SIGHUP, SIGINT, SIGQUIT and SIGTERM, until `restoreGroupSignals` here or in a forked child. */
  ignoreGroupSignals(): void;
  restoreGroupSignals(): void;
  /**
   * Makes these four signals act only if the process `parent` or this one sent them, and then only SIGTERM or what the
   * program listens to. Call it again after the first listener was added and after the last one was removed.
   */
  leaveSignalsTo(parent: number): void;
  takeSignalsBack(): void;
  /**
   * Starts the program, whose environment is `NAME=value` strings and whose descriptors 0, 1, 2 … are those given.
   *
   * @returns its pid, which the caller reaps with `waitChild`
   */
  spawnProcess(
    file: string,
    args: readonly string[],
    environment: readonly string[],
    directory: string,
    fds: readonly number[],
  ): number;
  /** Once this thread has ended, its process reaps the child when another one is started. */
  childOwn(pid: number): void;
  childLetGo(pid: number): void;
  /** A file in memory: a descriptor. */
  memoryFile(name: string): number;
  /** An eventfd at 0. */
  noticeFile(): number;
  /**
   * A pidfd: readable once the process has ended. Without pidfds something else that is, for this process (others may be
   * given it) and for children of it (of use here only).
   */
  processFile(pid: number): number;
  /**
   * How the process of a pidfd, whoever's child it was, has ended: its exit code, or −signal. `undefined` where the kernel
   * tells only its parent. Ask once the pidfd is readable.
   */
  processEnd(processFd: number): number | undefined;
  hasPidfds(): boolean;
  /**
   * What a program started from this thread would inherit, apart from umask, working directory, environment and
   * descriptors: credentials, limits, scheduling, namespaces … One attribute per line, its name before the first tab.
   */
  inheritedAttributes(): string;
  /** The umask; −1 where the kernel does not report it. */
  inheritedUmask(): number;
  /** Whether {@link Native.replaceEnvironmentBlock} works on this kernel. */
  canReplaceEnvironmentBlock(): boolean;
  /** Makes `/proc/PID/environ` show these `NAME=value` strings, each followed by a zero byte. */
  replaceEnvironmentBlock(block: string): void;
  /** Sends a signal to the process of a pidfd; false if it has ended. */
  signalProcess(processFd: number, signal: number): boolean;
  /** Two connected Unix sockets. With `packets` messages keep their bounds and an end may have many senders. */
  channelPair(packets: boolean): [number, number];
  /** From now on `channelReceive` tells pid and uid of each message's sender. */
  identifySenders(channel: number): void;
  /** False when the deadline passed. The descriptors stay open here. `EPIPE`: the other side is closed. */
  channelSend(channel: number, bytes: Uint8Array, fds: readonly number[], deadline: number): boolean;
  /** Undefined when the deadline passed. */
  channelReceive(channel: number, bytes: Uint8Array, deadline: number): Received | undefined;
  /** A descriptor of an empty set of descriptors, for one thread that waits for all of them. */
  pollSetOpen(): number;
  pollSetAdd(set: number, fd: number): void;
  /** To be called before the descriptor is closed. */
  pollSetRemove(set: number, fd: number): void;
  /** Blocks: those that are readable; none when the deadline passed. */
  pollSetWait(set: number, deadline: number): number[];
  /** As dup2(2): `target` is then inherited by programs started from here. */
  placeDescriptor(fd: number, target: number): void;
  closeOnExec(fd: number): void;
  closeDescriptors(fds: readonly number[]): void;
  /** From now on this process ends when that of the pidfd does; `grace` ms after SIGTERM by SIGKILL. */
  tieLifeTo(processFd: number, grace: number): void;
  /** So many ms, of which what the process waits for a processor does not count: for {@link Native.graceIsOver}. */
  graceBegin(pid: number, grace: number): object;
  /** To be asked every few ten milliseconds. */
  graceIsOver(grace: object): boolean;
  currentPid(): number;
  /** The kernel's id of the calling thread. */
  currentThread(): number;
  /** Whether this process still has the thread. */
  threadExists(thread: number): boolean;
  /** Makes the calling thread raise the eventfd as the last thing it does. */
  raiseAtThreadEnd(notice: number): void;
  fillRandom(bytes: Uint8Array): void;
  /** Returns when every byte is written, also where the descriptor does not block; `ECANCELED` in a Worker that is ended. */
  writeAll(fd: number, bytes: Uint8Array): void;
  /** Replaces this process's program, which gets these descriptors; returns only by throwing. */
  execProcess(file: string, args: readonly string[], fds: readonly number[]): never;
  /** Makes these descriptors, which stay open, the standard ones of this process. */
  takeStdio(stdin: number, stdout: number, stderr: number): void;
}

/** This package's folder: the binary lies in it. */
export const packageFolder: string = ownFolder();

function load(root: string): Native {
  try {
    return createRequire(import.meta.url)('node-gyp-build')(root) as Native;
  } catch (cause) {
    const reason = forbidden(root, cause) ?? unusable(root, cause);
    throw new Error(reason, { cause });
  }
}

/** @throws Error if a bundler has moved this code: children and threads are given programs of the package's folder */
function ownFolder(): string {
  const url = import.meta.url as string | undefined;
  const root = url?.startsWith('file:') ? dirname(dirname(fileURLToPath(url))) : '';
  // Some bundlers keep the URL of the original file: the script that V8 runs is another one then.
  if (root !== '' && sameFile(scriptName(), url) && existsSync(`${root}/dist/process/entry/main.js`)) return root;
  throw new Error(
    'multiproc cannot be bundled: mark it as external, so that it is imported from node_modules (esbuild: ' +
      "--external:multiproc; webpack: externals: ['multiproc']; rollup and vite: external: ['multiproc']). " +
      'See the page "Environments" of its documentation, docs/environments.md',
  );
}

/** The file of this script, as V8 has it. */
function scriptName(): string | undefined {
  // With --frozen-intrinsics it cannot be asked.
  if (Object.isFrozen(Error)) return import.meta.url;
  const { prepareStackTrace } = Error;
  Error.prepareStackTrace = (_error, sites) => sites[0]?.getFileName();
  const name = new Error().stack as unknown;
  Error.prepareStackTrace = prepareStackTrace;
  return typeof name === 'string' ? name : undefined;
}

function sameFile(name: string | undefined, url: string | undefined): boolean {
  // Runtimes without V8's call sites are not asked.
  if (name === undefined) return process.versions.bun !== undefined;
  const plain = (text: string) => text.replace(/[?#].*$/, '');
  return plain(name.startsWith('/') ? pathToFileURL(name).href : name) === plain(url ?? '');
}

/** Names the option of Node that keeps the binary from being loaded; `undefined` if none does. */
function forbidden(root: string, cause: unknown): string | undefined {
  const { permission } = process as { permission?: { has(scope: string, reference?: string): boolean } };
  if (permission?.has('fs.read', root) === false) {
    return `multiproc cannot read its own files: Node runs with --permission and needs --allow-fs-read=${root}`;
  }
  if ((cause as NodeJS.ErrnoException).code !== 'ERR_DLOPEN_DISABLED') return undefined;
  return permission === undefined
    ? 'multiproc is a native addon, and Node runs with --no-addons: start it without that option'
    : 'multiproc is a native addon, and Node runs with --permission: it needs --allow-addons';
}

function unusable(root: string, cause: unknown): string {
  // Distinguishes a binary that exists and cannot be loaded, for example linked against a newer C library.
  const reason =
    (cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_FAILED'
      ? `multiproc cannot load its binary (${(cause as Error).message})`
      : `multiproc has no prebuilt binary for ${process.platform}-${process.arch}`;
  return `${reason}; with a C++ compiler, make and Python, compile one: npm --prefix ${root} run compile`;
}

export const native: Native = load(packageFolder);
export const layout: Layout = native.layout();

native.setErrorFactory((code, errno, syscall, name, text) => {
  if (syscall === 'geteuid') return userChanged();
  const why = explainLimit(code, syscall) ?? explainShmFailure(code, fileOf(syscall, name));
  const what = `${code}: ${text}, ${syscall}${name === '' ? '' : ` '${printableName(name)}'`}`;
  return new SystemError(why === undefined ? what : `${what}: ${why}`, { code, errno, syscall, path: name });
});
native.setHeartbeat(() => {});

function userChanged(): MultiprocError {
  return new MultiprocError(
    `The effective user was ${native.user()} at the first use of multiproc and is ${process.geteuid?.()} now: locks and ` +
      'names belong to one user. Change the user before the first shared object or process is made, or change it back',
    { code: 'ERR_MULTIPROC_USER' },
  );
}

/** Names the limit that was reached. */
function explainLimit(code: string, syscall: string): string | undefined {
  if (code === 'EAGAIN' && syscall === 'pthread_create') {
    return (
      'no thread can be started that waits for it: the limit of processes and threads of this user (ulimit -u), or of its ' +
      'container (pids.max), is reached: raise it, or end some'
    );
  }
  if (code === 'EMFILE') {
    return (
      'this process has as many files open as it may: raise the limit (ulimit -n), or close queues, connections and processes that ' +
      'are done with'
    );
  }
  return undefined;
}

/** The path of a call: POSIX names carry a slash, and semaphores have a prefix of the C library's. */
function fileOf(syscall: string, name: string): string {
  if (syscall.startsWith('shm_')) return `/dev/shm${name}`;
  return syscall.startsWith('sem_') ? `/dev/shm/sem.${name.slice(1)}` : name;
}
