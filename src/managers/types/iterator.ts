/** An iterator over something in a manager's server; its proxies are async iterators. */
import { MultiprocError } from '../../errors.js';

export class ManagedIterator {
  static readonly kind = 'iterator';
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #size: () => number;
  readonly #expected: number;
  #done = false;

  /** @param size if what it tells changes, going on is an error: then what is iterated over has changed */
  constructor(iterator: Iterator<unknown> | AsyncIterator<unknown>, size: () => number) {
    this.#iterator = iterator;
    this.#size = size;
    this.#expected = size();
  }

  /** @param args what the iterator's own `next` takes: a generator is sent a value, and `imap` takes a time-out */
  next(...args: [] | [unknown]): unknown {
    if (this.#done) return finished;
    if (this.#size() !== this.#expected) {
      throw new MultiprocError('The dict or set changed its size while it was iterated over', {
        code: 'ERR_MULTIPROC_CHANGED',
      });
    }
    const result = this.#iterator.next(...args);
    return result instanceof Promise ? result.then((each) => this.#see(each)) : this.#see(result as never);
  }

  /** Nobody wants any more of it. */
  return(): unknown {
    if (this.#done) return finished;
    this.#done = true;
    const result = this.#iterator.return?.();
    return result instanceof Promise ? result.then(() => finished) : finished;
  }

  getValue(): never {
    throw new TypeError('An iterator has no value to copy');
  }

  #see({ done, value }: IteratorResult<unknown>): { done: boolean; value: unknown } {
    if (done === true) this.#done = true;
    return { done: done === true, value };
  }
}

const finished = { done: true, value: undefined };
