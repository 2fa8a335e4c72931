/** Bounded wait for the end of a process, as `join` does. */
import type { ParsedWait } from '../deadline.js';
import { waiting } from './waiting.js';

/** An end that can be polled and watched for. */
export interface Ending {
  hasCome(): boolean;
  /**
   * Calls back once at the end, never before this returns; `reference` keeps the program alive. Returns a function that
   * cancels this.
   */
  watch(callback: () => void, reference: boolean): () => void;
}

/**
 * @returns whether the end has come
 * @throws the signal's `reason` once it fired
 */
export async function awaitEnd(ending: Ending, wait: ParsedWait): Promise<boolean> {
  wait.signal?.throwIfAborted();
  if (ending.hasCome()) return true;
  if (wait.deadline === 0) return false;
  return waiting<boolean>(
    wait,
    ({ resolve }) => ending.watch(() => resolve(true), wait.ref),
    ({ resolve }) => resolve(ending.hasCome()),
  );
}
