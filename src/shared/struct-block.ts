/** A block of structs: their layout lies behind them as text, so whoever opens the block knows their fields. */
import { constants } from 'node:buffer';
import { MultiprocError } from '../errors.js';
import { layout as sizes } from '../native.js';
import { Block, type BlockKind, kindNames, lasting, type Mode, type NameOptions, unusable } from './block.js';
import { hashOf, longestText, parseLayout, type StructLayout } from './struct-layout.js';
import { Views } from './struct-views.js';

/** The lower 8 bits of the type of a block of structs; above them is the length of the text. */
const structCode = 0x53;

/** A struct's place is a number of 32 bits. */
const mostBytes = Math.min(2 ** 32, constants.MAX_LENGTH) - 64 * 1024;

export function holdsStructs(block: Block): boolean {
  return (block.type & 0xff) === structCode;
}

/**
 * The block of new structs, or of those with the name.
 *
 * @param fill stores the initial values, in zeroed memory
 * @throws MultiprocError `ERR_MULTIPROC_KIND` also for structs of another layout
 */
export function obtainStructs(
  mode: Mode,
  kind: BlockKind,
  layout: StructLayout,
  length: number,
  options: NameOptions | undefined,
  fill: ((structs: Views) => void) | undefined,
): Block {
  const bytes = length * layout.size;
  if (bytes > mostBytes) throw new RangeError(`Expected at most ${mostBytes} bytes of structs, got ${bytes}`);
  const text = Buffer.from(layout.text, 'latin1');
  const shape = {
    kind,
    type: structCode | (text.length << 8),
    flags: hashOf(layout.text),
    length,
    size: sizes.dataOffset + bytes + text.length,
    structs: { text: layout.text, textIn: (other: Block) => layoutIn(other).text },
  };
  let made = false;
  const block = Block.obtain(mode, shape, options, (fresh) => {
    made = true;
    const start = fresh.body + sizes.dataOffset;
    const seen = fresh.segment.view(Uint8Array);
    if (fill === undefined && start + bytes + text.length <= seen.length) {
      seen.set(text, start + bytes);
      return;
    }
    const buffer = fresh.segment.buffer(start, bytes + text.length);
    try {
      new Uint8Array(buffer).set(text, bytes);
      if (bytes > 0) fill?.(new Views(buffer, layout, bytes));
    } finally {
      fresh.segment.detach(buffer);
    }
  });
  // One with a name may be somebody else's, who was quicker.
  if (made && block.name === undefined) return block;
  const { text: found } = layoutIn(block);
  if (found !== layout.text) {
    const { name } = block;
    block.release();
    throw new MultiprocError(
      `Expected the ${kindNames[kind]} named '${name}' to hold structs ${layout.text}, but it holds ${found}: ${lasting(String(name))}`,
      { code: 'ERR_MULTIPROC_KIND' },
    );
  }
  return block;
}

/**
 * The layout of the structs in a block, which is let go if it is damaged.
 *
 * @throws MultiprocError `ERR_MULTIPROC_SEGMENT`
 */
export function layoutIn(block: Block): StructLayout {
  const length = block.type >>> 8;
  const text = length <= longestText && length <= block.size - sizes.dataOffset ? readText(block, length) : '';
  const layout = parse(text);
  const size = sizes.dataOffset + block.length * (layout?.size ?? 0) + length;
  if (layout === undefined || layout.text !== text || hashOf(text) !== block.flags || block.size !== size) {
    const error = unusable(block.segment, 'the layout of the structs in it is damaged');
    block.release();
    throw error;
  }
  return layout;
}

/** The structs' memory, for as long as the block is open. */
export function viewsOn(block: Block, layout: StructLayout): Views {
  const bytes = block.length * layout.size;
  const buffer = bytes === 0 ? new ArrayBuffer(0) : block.segment.buffer(block.body + sizes.dataOffset, bytes);
  return new Views(buffer, layout, bytes);
}

function readText(block: Block, length: number): string {
  if (length === 0) return '';
  const buffer = block.segment.buffer(block.body + block.size - length, length);
  const text = Buffer.from(buffer).toString('latin1');
  block.segment.detach(buffer);
  return text;
}

function parse(text: string): StructLayout | undefined {
  try {
    return parseLayout(text);
  } catch {
    // Whatever is wrong with it, the block is of no use.
    return undefined;
  }
}
