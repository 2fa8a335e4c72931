/** Who calls a method of an object in the server: what it holds through proxies is given back when it ends. */

/** What a caller holds: a lock, for example. */
export interface Holdable {
  /** The caller has ended. */
  forsake(caller: Caller): void;
}

/** A client, or the server's own code. */
export interface Caller {
  readonly holdings: Set<Holdable>;
  /** Whether it is on another machine, or of another user: then it may not say how processes are started here. */
  readonly isAfar: boolean;
  ended: boolean;
}

/** The wait was taken back by who waited. */
export class Cancelled extends Error {}

/** A call that is being made. */
export interface CurrentCall {
  readonly caller: Caller;
  /** Set by what waits: takes the wait back, which fails with {@link Cancelled} unless it is over already. */
  cancel: (() => void) | undefined;
  /** Set by what waits, and from then on: a wait that is over has had its effect, and its answer must go out. */
  cancellable: boolean;
  /** Who made the call has taken it back: it does not wait again. */
  unwanted: boolean;
}

const local: Caller = { holdings: new Set(), isAfar: false, ended: false };
let current: CurrentCall = localCall();

/** A call that nothing waits for yet. */
export function callBy(caller: Caller): CurrentCall {
  return { caller, cancel: undefined, cancellable: false, unwanted: false };
}

/**
 * Takes the call back. A wait that was told what it waits for stays told.
 *
 * @returns false if the call knows nothing of that: it runs on
 */
export function takeBack(call: CurrentCall): boolean {
  call.unwanted = true;
  call.cancel?.();
  return call.cancellable;
}

/** The call whose method is being started. Ask at once: other calls come in between. */
export function currentCall(): CurrentCall {
  return current;
}

/** Starts a method. */
export function asCall<A extends unknown[], T>(call: CurrentCall, start: (...args: A) => T, args: A): T {
  const before = current;
  current = call;
  try {
    return start(...args);
  } finally {
    current = before;
  }
}

/** A call by code of the server itself. */
export function localCall(): CurrentCall {
  return callBy(local);
}
