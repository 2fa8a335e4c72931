/** The loop of the iterators over messages: one message after the other, until the source has ended. */
import { EOFError } from '../errors.js';

/** @param next takes the next message; its EOFError ends the iteration */
export async function* untilEnded<T>(next: () => Promise<T>): AsyncGenerator<T, void, undefined> {
  for (;;) {
    let value: T;
    try {
      value = await next();
    } catch (error) {
      if (error instanceof EOFError) return;
      throw error;
    }
    yield value;
  }
}
