/** Names of methods and short keys come again and again: here they are found as the strings that they were before. */
import type { Buffer } from 'node:buffer';

/** Longer ones are made anew. */
export const longestKnown = 24;

const slots = 512;
const known: string[] = new Array(slots).fill('');

/** The text of some bytes of UTF-8, at most {@link longestKnown} of them. */
export function knownText(bytes: Buffer, at: number, length: number): string {
  let hash = length;
  for (let i = at; i < at + length; i++) {
    const byte = bytes[i] as number;
    if (byte > 127) return bytes.toString('utf8', at, at + length);
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  const slot = (hash ^ (hash >>> 9)) & (slots - 1);
  const candidate = known[slot] as string;
  if (candidate.length === length && isAt(candidate, bytes, at)) return candidate;
  const text = bytes.toString('latin1', at, at + length);
  known[slot] = text;
  return text;
}

function isAt(text: string, bytes: Buffer, at: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}
