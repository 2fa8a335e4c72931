/**
 * The participant that keeps the memory of shared objects in flight: their sender, or another one that outlives the
 * sender.
 */
import { me } from '../lifecycle/participant.js';

let other = 0;
let asked = false;

/**
 * Makes `participant` (0: this thread) the keeper of everything that `write` sends.
 *
 * @returns the value of `write`, and whether it has sent anything that is kept
 */
export function whileKeptBy<T>(participant: number, write: () => T): { readonly value: T; readonly keeps: boolean } {
  const before = other;
  other = participant;
  asked = false;
  try {
    return { value: write(), keeps: asked };
  } finally {
    other = before;
  }
}

/** The participant that keeps what is sent now. */
export function keeper(): number {
  asked = true;
  return other === 0 ? me : other;
}
