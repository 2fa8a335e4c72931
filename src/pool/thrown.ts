/** What people read of something that was thrown, which may be anything: nothing that they look at has to work. */
import { inspect } from 'node:util';

const unreadable = 'something that cannot be read';

/** One line for an error, and what `inspect` shows of anything else. */
export function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown) : inspect(thrown);
  } catch {
    return unreadable;
  }
}

/** The same with the stack, if there is one. */
export function stackOf(thrown: unknown): string {
  return readField(thrown, 'stack') ?? textOf(thrown);
}

/** An error with what can be read of what was thrown. */
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
