/** Text from outside as it may be shown: what a terminal would obey, or a reader would not see, is written as escapes. */

/**
 * Controls (C0, DEL, C1), line and paragraph separators, marks that turn the direction of text, spaces without width,
 * tags, and halves of surrogate pairs. Newline and tab lay out the messages of this package and stay.
 */
const hidden =
  /(?![\n\t])[\p{Cc}\p{Surrogate}\p{Bidi_Control}\xad\u180e\u200b\u2028\u2029\u2060-\u206f\ufeff\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** The text, with `\x1b` or `\u202e` for each such character. Its own result stays as it is. */
export function printable(text: string): string {
  return text.replace(hidden, escaped);
}

/** The same for a name, which is one line: newlines and tabs are escaped, too. */
export function printableName(name: string): string {
  return printable(name).replaceAll('\n', '\\x0a').replaceAll('\t', '\\x09');
}

/** JSON of the value, in which such characters are escaped as JSON escapes them. */
export function printableJson(value: unknown, space?: number): string {
  return JSON.stringify(value, null, space).replace(hidden, (found) =>
    Array.from({ length: found.length }, (_, i) => unicode(found.charCodeAt(i))).join(''),
  );
}

function escaped(found: string): string {
  const point = found.codePointAt(0) as number;
  if (point < 0x100) return `\\x${point.toString(16).padStart(2, '0')}`;
  return point > 0xffff ? `\\u{${point.toString(16)}}` : unicode(point);
}

function unicode(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
