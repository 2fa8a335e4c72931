/** The sequences of keys that objects of this thread were seen with, as a trie: each path is the keys of a shape. */
import { Buffer } from 'node:buffer';
import { maxKeyBlock, maxKeys } from './compact-format.js';

/** Upper bound of the nodes, which programs with ever new keys would fill. */
const maxNodes = 8192;
/** After so many keys without a node, the trie starts anew: the program's objects have changed. */
const maxMisses = 100_000;

/** The keys of objects, as written into messages. */
export interface Shape {
  readonly block: Uint8Array;
  /** The message that had its block last, and the block's number there. */
  message: number;
  index: number;
}

/** The keys up to here. */
export interface KeyNode {
  readonly parent: KeyNode | undefined;
  readonly key: string;
  readonly depth: number;
  /** The child that was used last. */
  recent: KeyNode | undefined;
  children: Map<string, KeyNode> | undefined;
  /** `null` if these keys have no block. */
  shape: Shape | null | undefined;
}

export class KeySequences {
  root: KeyNode = node(undefined, '');
  #count = 0;
  #misses = 0;

  /** The node for one more key; `undefined` if there are too many. */
  next(parent: KeyNode, key: string): KeyNode | undefined {
    let child = parent.children?.get(key);
    if (child === undefined) {
      if (parent.depth === maxKeys || this.#count === maxNodes) {
        if (++this.#misses === maxMisses) this.#restart();
        return undefined;
      }
      this.#count++;
      child = node(parent, key);
      parent.children ??= new Map();
      parent.children.set(key, child);
    }
    parent.recent = child;
    return child;
  }

  #restart(): void {
    this.root = node(undefined, '');
    this.#count = 0;
    this.#misses = 0;
  }
}

/** The shape of these keys; `null` if they are too long, or not well-formed Unicode. */
export function shapeOf(last: KeyNode): Shape | null {
  if (last.shape === undefined) {
    const block = keyBlock(last);
    last.shape = block === undefined ? null : { block, message: 0, index: 0 };
  }
  return last.shape;
}

function node(parent: KeyNode | undefined, key: string): KeyNode {
  const depth = parent === undefined ? 0 : parent.depth + 1;
  return { parent, key, depth, recent: undefined, children: undefined, shape: undefined };
}

function keyBlock(last: KeyNode): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  for (let at: KeyNode = last; at.parent !== undefined; at = at.parent) {
    const text = Buffer.from(at.key);
    // Half a surrogate pair has become something else.
    if (text.length > maxKeyBlock || text.toString() !== at.key) return undefined;
    const head = text.length < 128 ? [text.length] : [(text.length & 127) | 128, text.length >>> 7];
    parts.unshift(Uint8Array.from(head), text);
  }
  const block = Buffer.concat([Uint8Array.of(last.depth), ...parts]);
  return block.length <= maxKeyBlock ? block : undefined;
}
