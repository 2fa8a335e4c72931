/** Namespace in a manager's server: attributes, and nothing else. */
import { inspect } from 'node:util';
import { isLarger } from '../protocol/limits.js';
import { textOf } from './traversal-limits.js';

/** Parts of a value that are shown in full; of a larger one only the outermost are. */
const maxShown = 100_000;

export class ManagedNamespace {
  static readonly kind = 'namespace';
  readonly #attributes = new Map<string, unknown>();

  constructor(attributes: Readonly<Record<string, unknown>> = {}) {
    for (const [name, value] of Object.entries(attributes)) this.#attributes.set(name, value);
  }

  get(name: string): unknown {
    return this.#attributes.get(textOf(name));
  }

  set(name: string, value: unknown): void {
    this.#attributes.set(textOf(name), value);
  }

  has(name: string): boolean {
    return this.#attributes.has(textOf(name));
  }

  /** Whether it was there. */
  delete(name: string): boolean {
    return this.#attributes.delete(textOf(name));
  }

  keys(): string[] {
    return [...this.#attributes.keys()];
  }

  /** As Python writes it, without names that begin with an underscore. */
  toText(): string {
    const shown = [...this.#attributes].filter(([name]) => !name.startsWith('_'));
    return `Namespace(${shown.map(([name, value]) => `${name}=${inspect(value, { depth: isLarger(value, maxShown) ? 0 : 2 })}`).join(', ')})`;
  }

  getValue(): Record<string, unknown> {
    return Object.fromEntries(this.#attributes);
  }
}
