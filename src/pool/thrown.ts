/** Readable forms of a thrown value, which may be anything: its getters and methods may fail. */
import { inspect } from 'node:util';

const unreadable = 'something that cannot be read';

/** Returns one line for an error, and the form of `inspect` for anything else. */
export function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown) : inspect(thrown);
  } catch {
    return unreadable;
  }
}

/** Returns the text with the stack, if there is one. */
export function stackOf(thrown: unknown): string {
  return readField(thrown, 'stack') ?? textOf(thrown);
}

/** Makes an error with the readable parts of a thrown value. */
export function readableError(thrown: unknown): Error {
  const message = readField(thrown, 'message') ?? textOf(thrown);
  const plain = new Error(message === unreadable ? `The task threw ${unreadable}` : message);
  for (const name of ['name', 'stack'] as const) {
    const value = readField(thrown, name);
    if (value !== undefined) plain[name] = value;
  }
  return plain;
}

function readField(thrown: unknown, name: keyof Error): string | undefined {
  try {
    const value = (Object(thrown) as Partial<Error>)[name];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
