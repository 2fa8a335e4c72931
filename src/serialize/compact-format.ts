/**
 * The compact form of plain data: one byte that marks what follows, then its content, depth first.
 *
 * A message is `Tag.compact`, a byte of flags and one value. Lengths, counts and indices are unsigned LEB128; all other
 * numbers are little-endian. Arrays have neither holes nor named properties. The keys of an object come as a block when
 * its sequence of keys appears for the first time in the message, and as the number of that block from then on.
 */
export const Mark = {
  // 0x00 to 0x7f: the integers 0 to 127
  null: 0x80,
  undefined: 0x81,
  false: 0x82,
  true: 0x83,
  /** Four bytes. */
  int32: 0x84,
  /** Eight bytes. */
  double: 0x85,
  /** A bigint in eight bytes, signed. */
  int64: 0x86,
  /** A double: milliseconds, or NaN for an invalid date. */
  date: 0x87,
  /** Strings: the number of bytes, and these. */
  ascii: 0x88,
  utf8: 0x89,
  /** For strings with half a surrogate pair. */
  utf16: 0x8a,
  /** The number of elements, and these. */
  array: 0x8b,
  /** The number of entries; key, value, key, value … */
  map: 0x8c,
  /** The number of members, and these. */
  set: 0x8d,
  /** A byte with the index of the class in views.ts, the number of bytes, and these. */
  view: 0x8e,
  /** An object: the length of a key block, the block, the values in the order of the keys. */
  newShape: 0x90,
  /** An object: the number of a key block in this message, the values. */
  shape: 0x91,
  /** An object with many or unusual keys: the number of properties; key (a string value), value, key, value … */
  keyed: 0x92,
  /** An object that was there before: its number, counted in the order in which objects begin. */
  reference: 0x93,
  /** 0xa0 to 0xbf: an ASCII string of 0 to 31 bytes. */
  shortAscii: 0xa0,
  /** 0xc0 to 0xcf: an array of 0 to 15 elements. */
  shortArray: 0xc0,
} as const;

export const maxShortAscii = 31;
export const maxShortArray = 15;

/** The flag of a message with references in it: its reader has to number objects. */
export const hasReferences = 1;

/** Upper bounds of a key block. A key block is the number of keys; then, for each, its length in bytes and its UTF-8. */
export const maxKeys = 64;
export const maxKeyBlock = 4096;

/** Levels of nesting that the compact form has; deeper values are structured clones. */
export const maxDepth = 100;

/** Buffer's methods without argument checks. */
export interface RawBuffer extends Buffer {
  latin1Write(text: string, offset: number, length: number): number;
  utf8Write(text: string, offset: number, length: number): number;
  ucs2Write(text: string, offset: number, length: number): number;
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
}
