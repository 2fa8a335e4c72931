/** Copies without the parts that cannot travel, for the fields of errors: an error must not lose a field for a part of it. */

import { types } from 'node:util';
import { isOfPackage } from '../identity/copies.js';

/** A part that was packed, or nothing that can travel. */
export type Part = { readonly value: unknown } | undefined;

const maxDepth = 50;
const maxParts = 10_000;

export class Pruning {
  readonly #attempt: (value: unknown, step: string) => Part;
  readonly #copies = new Map<object, Part>();
  #parts = 0;

  /** @param attempt packs a value if all of it can travel */
  constructor(attempt: (value: unknown, step: string) => Part) {
    this.#attempt = attempt;
  }

  /**
   * Packs what of a value can travel. Parts that cannot are left out at their depth: those of plain objects, arrays, Maps and
   * Sets, and of what `toJSON` makes of other instances.
   */
  prune(value: unknown, step: string, depth = 0): Part {
    const known = typeof value === 'object' && value !== null ? this.#copies.get(value) : undefined;
    if (known !== undefined) return known;
    if (++this.#parts > maxParts || depth > maxDepth) return undefined;
    const whole = this.#attempt(value, step);
    if (whole !== undefined) return whole;
    if (typeof value !== 'object' || value === null || types.isProxy(value) || isOfPackage(value)) return undefined;
    try {
      return this.#copyOf(value, step, depth + 1);
    } catch {
      // A getter or a toJSON() that throws leaves nothing to pack.
      return undefined;
    }
  }

  #copyOf(value: object, step: string, depth: number): Part {
    if (Array.isArray(value)) {
      // An element keeps its index. Not by length, which may be far larger than the number of elements.
      const copy: unknown[] = new Array(value.length);
      this.#copies.set(value, { value: copy });
      for (const key of Object.keys(value)) {
        const index = Number(key);
        if (String(index >>> 0) !== key) continue;
        copy[index] = this.prune(value[index], `${step}[${key}]`, depth)?.value;
      }
      return { value: copy };
    }
    if (types.isMap(value)) {
      const copy = new Map<unknown, unknown>();
      this.#copies.set(value, { value: copy });
      for (const [key, element] of value) {
        const packedKey = this.#attempt(key, step);
        const packed = this.prune(element, step, depth);
        if (packedKey !== undefined && packed !== undefined) copy.set(packedKey.value, packed.value);
      }
      return { value: copy };
    }
    if (types.isSet(value)) {
      const copy = new Set<unknown>();
      this.#copies.set(value, { value: copy });
      for (const element of value) {
        const packed = this.prune(element, step, depth);
        if (packed !== undefined) copy.add(packed.value);
      }
      return { value: copy };
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      const { toJSON } = value as { toJSON?: unknown };
      return typeof toJSON === 'function' ? this.prune(toJSON.call(value), step, depth) : undefined;
    }
    return this.#fieldsOf(value, step, depth);
  }

  #fieldsOf(value: object, step: string, depth: number): Part {
    const copy = {};
    this.#copies.set(value, { value: copy });
    for (const key of Object.keys(value)) {
      const packed = this.#field(value, key, `${step}.${key}`, depth);
      if (packed === undefined) continue;
      // Not by assignment: a field may be called `__proto__`.
      Object.defineProperty(copy, key, { value: packed.value, writable: true, enumerable: true, configurable: true });
    }
    return { value: copy };
  }

  #field(value: object, key: string, step: string, depth: number): Part {
    try {
      return this.prune((value as Record<string, unknown>)[key], step, depth);
    } catch {
      return undefined;
    }
  }
}
