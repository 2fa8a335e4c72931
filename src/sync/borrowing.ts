/** The use of a lock by a condition: releases it for the time of a wait, and restores its depth. */
import type { Block } from '../shared/block.js';

/** The holder of an RLock, and its depth. */
export interface Saved {
  readonly holder: object | undefined;
  readonly depth: number;
}

/** Somebody with sleepers to wake as soon as a lock is free: before, they would only find it held. */
export interface Waker {
  wake(): void;
}

/** A lock that is about to be freed natively, and how it was held. */
export interface Lent {
  readonly block: Block;
  readonly saved: Saved | undefined;
}

/** Whether the caller holds the lock. */
export const heldByCaller: unique symbol = Symbol('multiproc.heldByCaller');
/** Frees it, however deep it is held. */
export const letGo: unique symbol = Symbol('multiproc.letGo');
/** Readies it for being freed by a native call that blocks, and then wakes for the given waker. */
export const lend: unique symbol = Symbol('multiproc.lend');
/** Calls the waker when the lock, which is held here, is free. */
export const oweTo: unique symbol = Symbol('multiproc.oweTo');
/** Takes it again, however long that takes. */
export const regain: unique symbol = Symbol('multiproc.regain');
/** After `lend`: takes it again, blocking the thread, unless the native call did. */
export const regainSync: unique symbol = Symbol('multiproc.regainSync');
