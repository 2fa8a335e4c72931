/** Handles of shared objects: small descriptions in messages, from which the receiver attaches the same object. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { MultiprocError } from '../errors.js';
import { isFromAfar } from './afar.js';

/** The class that a handle restores. The numbers are part of the messages' format. */
export const HandleKind = {
  lock: 1,
  rlock: 2,
  semaphore: 3,
  boundedSemaphore: 4,
  value: 5,
  array: 6,
  rawValue: 7,
  rawArray: 8,
  memory: 9,
  event: 11,
  condition: 12,
  barrier: 13,
  queue: 16,
  joinableQueue: 17,
  simpleQueue: 18,
  sharedMap: 19,
  shareableList: 20,
  rateLimiter: 21,
  connection: 24,
  proxy: 25,
} as const;
export type HandleKind = (typeof HandleKind)[keyof typeof HandleKind];

/** `flags` of a proxy whose object is at the other end of the conversation that the handle comes through. */
export const ownProxyFlag = 1;

/** The description of a shared object in a message. */
export interface Handle {
  readonly kind: HandleKind;
  /** Its file in /dev/shm; of a proxy, what it is of, as text. */
  readonly file: string;
  /** Inode of that file: a name may meanwhile belong to another one. */
  readonly inode: number;
  /** Offset of its block in the file, in bytes. */
  readonly offset: number;
  /** Generation of the block's place. */
  readonly generation: number;
  /** The participant that keeps the memory from being freed until the handle has arrived; 0 for none. */
  readonly sender: number;
  /** The class's own bits. */
  readonly flags: number;
  /** Objects that it needs: a lock, or the action of a barrier, which travels by reference. */
  readonly nested: readonly object[];
}

/** A handle in a message that may still be cancelled. */
export interface Departure {
  readonly handle: Handle;
  /** The message is not sent: the memory no longer waits for the handle's arrival. */
  cancel(): void;
}

/** The method by which an object of ours gives a handle away. Fails with `ClosedError` after `close()`. */
export const depart: unique symbol = Symbol('multiproc.depart');

/** The method by which an object of ours whose `close` means something else is let go. */
export const letGo: unique symbol = Symbol('multiproc.letGo');

/** An object of ours. */
export interface Traveller {
  [depart](): Departure;
  [letGo]?(): void;
  close?(): void;
}

/** Lets go of an object that has arrived and is not wanted. */
export function release(object: Traveller): void {
  if (object[letGo] === undefined) object.close?.();
  else object[letGo]();
}

type Arrive = (handle: Handle) => Traveller;

/** Modules of upper floors that most processes do without: loaded when the first of their objects arrives. */
const homes = new Map<number, URL>([
  [HandleKind.proxy, new URL('../managers/client/proxy-deserializer.js', import.meta.url)],
]);

const arrivals = new Map<number, Arrive>();

/** Classes call this once, when they load: `arrive` attaches the object that a handle of this kind names. */
export function registerArrival(kind: HandleKind, arrive: Arrive): void {
  arrivals.set(kind, arrive);
}

/**
 * Attaches the object that the handle names.
 *
 * @throws SystemError `ENOENT` if it is gone
 * @throws MultiprocError `ERR_MULTIPROC_SEGMENT` for a stale handle; `ERR_MULTIPROC_MESSAGE` for an unknown kind
 */
export function arrive(handle: Handle): Traveller {
  if (isFromAfar() && handle.kind !== HandleKind.proxy) throw new TypeError(notHere);
  let attach = arrivals.get(handle.kind);
  const home = attach === undefined ? homes.get(handle.kind) : undefined;
  if (home !== undefined) {
    createRequire(import.meta.url)(fileURLToPath(home));
    attach = arrivals.get(handle.kind);
  }
  if (attach === undefined) throw damaged(`no class has the handle kind ${handle.kind}`);
  return attach(handle);
}

const notHere =
  'A shared object came over the network or from another user, whose memory is not attached. Share it by a manager';

const proxies = new WeakSet<object>();

/** Says of a `Proxy` that it travels by handle: those of others are not even touched. */
export function admitProxy(proxy: object): void {
  proxies.add(proxy);
}

/** Whether {@link admitProxy} was called with it. */
export function isAdmitted(proxy: object): boolean {
  return proxies.has(proxy);
}

/** Whether the object travels by handle. */
export function isTraveller(value: object): value is Traveller {
  return typeof (value as Partial<Traveller>)[depart] === 'function';
}

/** Makes the error for a message that this package cannot have written. */
export function damaged(reason: string, cause?: unknown): MultiprocError {
  return new MultiprocError(`The message cannot be read: ${reason}`, { code: 'ERR_MULTIPROC_MESSAGE', cause });
}
