/** The first byte of a message, and of a record in a ring: which kind of value follows. */
export const Tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** One signed byte. */
  int8: 4,
  /** Four bytes; all numbers are little-endian. */
  int32: 5,
  /** Eight bytes. */
  double: 6,
  /** A bigint in eight bytes, signed. */
  int64: 7,
  /** ASCII, one byte a character. */
  ascii: 8,
  utf8: 9,
  /** UTF-16: strings with half a surrogate pair, which UTF-8 cannot hold. */
  utf16: 10,
  /** A byte with the index of the class in views.ts, then the bytes. */
  view: 11,
  /** A structured clone. */
  clone: 12,
  /** A function or class: the text of the reference. */
  reference: 13,
  /** A structured clone after a table of references, with functions, or with instances of classes, in it. */
  referring: 14,
  /** Plain data: compact-format.ts has what follows. */
  compact: 15,
  /** Like `referring`, with shared objects that their sender keeps: they are taken over before any module is loaded. */
  carrying: 16,
  /** Go on elsewhere: the unit follows. Only in rings. */
  jump: 33,
  /** A task of a pool, and what came of one. Only in the rings of pools. */
  task: 34,
  outcome: 35,
} as const;
