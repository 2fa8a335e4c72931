/** Who keeps the memory of shared objects that are on their way: who sends them, or another one who outlives the sender. */
import { me } from '../lifecycle/participant.js';

let other = 0;
let asked = false;

/**
 * Has `participant` (0: this thread) keep what `write` sends.
 *
 * @returns with what `write` returned, whether it has sent anything that is kept
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
