/** Waiting for the end of a process, for as long as somebody wants to: what `join` does. */
import type { ParsedWait } from '../deadline.js';
import { waiting } from './waiting.js';

/** An end that can be looked at, and watched for. */
export interface Ending {
  hasCome(): boolean;
  /** Calls back once when it has come, never at once; `reference` keeps the program alive. Returns what takes that back. */
  watch(callback: () => void, reference: boolean): () => void;
}

/**
 * @returns whether it has come
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
