/**
 * Messages between the fork server and its users, over sockets that no other process can reach: all of them are
 * inherited pairs without a name.
 */
import { EOFError } from '../../errors.js';
import { native } from '../../native.js';

/** The server's descriptors. */
export const inherited = { requests: 3, control: 4, parent: 5, stderr: 6 } as const;

/** The first message to a server, on the control channel. */
export interface Hello {
  /** Modules of this package to load first. */
  readonly own: readonly string[];
  /** Modules to load before the first child: `'main'`, URLs, and names as `import` takes them. */
  readonly preload: readonly string[];
  /** The main program, as a URL; `undefined` if it has no file. */
  readonly main: string | undefined;
  /** The path of a file, from which names in `preload` are resolved. */
  readonly base: string;
  /** `process.argv` without the executable. */
  readonly argv: readonly string[];
  /** The options of node that children see. */
  readonly execArgv: readonly string[];
  /** The environment of the server, and initially of each child. */
  readonly env: Readonly<Record<string, string>>;
  /** The start state (start-state.ts) of the process that starts the server, which the server inherits. */
  readonly startState: string;
}

/**
 * The server's first message on the control channel: its own program runs, so node has started and preloaded its
 * modules.
 */
export interface Begun {
  readonly state: 'begun';
}

/** The server's answer once it can serve, or finds that it cannot. */
export type Readiness =
  /** `missing`: modules that were to be preloaded and do not exist, with Node's words. */
  | { readonly state: 'ready'; readonly missing: readonly string[] }
  /** Loaded modules stay busy: every child would be busy, too. */
  | { readonly state: 'busy'; readonly with: readonly string[] }
  /** Module hooks run in a thread, which children would not have. */
  | { readonly state: 'hooked' }
  | { readonly state: 'failed'; readonly module: string; readonly reason: string }
  /** Set by the server's creator: it makes no progress. */
  | { readonly state: 'late'; readonly verdict: string };

/** A request is this packet with its descriptors; all else comes on the child's own channel. */
export const request = Buffer.from('launch');

/** The descriptors that come with a request, in this order. */
export interface RequestDescriptors {
  /** The sender's end of `requests`, for the child to ask the same server. */
  readonly requests: number;
  /** The child's end of its channel; the server keeps a copy. */
  readonly channel: number;
  readonly stdio: readonly [number, number, number];
  readonly memory: number;
  readonly notice: number;
  readonly creator: number;
}

export function packDescriptors(d: RequestDescriptors): number[] {
  return [d.requests, d.channel, ...d.stdio, d.memory, d.notice, d.creator];
}

/** Returns `undefined` unless these are the descriptors of one request. */
export function unpackDescriptors(list: readonly number[]): RequestDescriptors | undefined {
  if (list.length !== 8) return undefined;
  const [requests, channel, stdin, stdout, stderr, memory, notice, creator] = list as [
    ...[number, number, number, number],
    ...[number, number, number, number],
  ];
  return { requests, channel, stdio: [stdin, stdout, stderr], memory, notice, creator };
}

/** The creator's message to a child on its channel, sent once it has the pid. The child waits for it. */
export interface Birth {
  readonly cwd: string;
  /** −1: keep the server's. */
  readonly umask: number;
  readonly title: string;
  /** Differences from the server's environment: a variable's value, or `null` for one that is deleted. */
  readonly env: Readonly<Record<string, string | null>>;
}

/** Reports on a child's channel. */
export const Report = {
  /** From the server, with a pidfd: the pid. */
  started: 1,
  /** From the server: the error number of a fork that failed. */
  failed: 2,
  /** From the server, which has reaped it: exit code, and signal or 0. */
  ended: 3,
  /** From the child itself, about to end: exit code. Counts if no process is left to reap it. */
  ending: 4,
  /** From the server, which does not fork because it is not alone in its process (company.ts). */
  accompanied: 5,
} as const;

export interface ReportMessage {
  readonly kind: number;
  readonly value: number;
  readonly signal: number;
  readonly descriptors: readonly number[];
}

const reportSize = 12;

export function sendReport(
  channel: number,
  kind: number,
  value: number,
  signal = 0,
  fds: readonly number[] = [],
): void {
  const bytes = Buffer.allocUnsafe(reportSize);
  bytes.writeInt32LE(kind, 0);
  bytes.writeInt32LE(value, 4);
  bytes.writeInt32LE(signal, 8);
  // A channel holds far more than the three reports of a child: this never waits.
  native.channelSend(channel, bytes, fds, 0);
}

/** Returns the next report; `undefined` if the deadline passed, `'end'` when no sender is left. */
export function receiveReport(channel: number, deadline: number): ReportMessage | 'end' | undefined {
  const bytes = Buffer.allocUnsafe(reportSize);
  const received = native.channelReceive(channel, bytes, deadline);
  if (received === undefined) return undefined;
  if (received.size < reportSize) return 'end';
  return {
    kind: bytes.readInt32LE(0),
    value: bytes.readInt32LE(4),
    signal: bytes.readInt32LE(8),
    descriptors: received.descriptors,
  };
}

const lengthSize = 4;

/** Sends plain data of any size on a channel; false when the deadline passed. */
export function sendData(channel: number, data: unknown, deadline: number): boolean {
  const body = Buffer.from(JSON.stringify(data));
  const length = Buffer.allocUnsafe(lengthSize);
  length.writeUInt32LE(body.length);
  return native.channelSend(channel, Buffer.concat([length, body]), [], deadline);
}

/**
 * Receives what `sendData` sent.
 *
 * @returns undefined when the deadline passed
 * @throws EOFError if the other side is gone
 */
export function receiveData(channel: number, deadline: number): unknown {
  const length = receiveExactly(channel, lengthSize, deadline);
  const body = length && receiveExactly(channel, length.readUInt32LE(), deadline);
  return body && JSON.parse(body.toString());
}

function receiveExactly(channel: number, size: number, deadline: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(size);
  for (let done = 0; done < size; ) {
    const received = native.channelReceive(channel, bytes.subarray(done), deadline);
    if (received === undefined) return undefined;
    if (received.size === 0) throw new EOFError();
    done += received.size;
  }
  return bytes;
}
