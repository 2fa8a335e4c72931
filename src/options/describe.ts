/** The description of a value that came, for the message of an error. */
import { describeForeign, oneCopy } from '../identity/copies.js';
import { printableJson } from '../printable.js';

export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return printableJson(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object') {
    const foreign = describeForeign(value);
    return foreign === undefined ? `an instance of ${value.constructor?.name || 'Object'}` : `${foreign}: ${oneCopy}`;
  }
  return `a ${typeof value}`;
}
