/** A task of a pool on Redis in a process of `multiproc work`: the only place where its function and its values are looked at. */
import { inspect } from 'node:util';
import { MaybeEncodingError } from '../../errors.js';
import { Application } from '../../pool/task-record.js';
import { readableError } from '../../pool/thrown.js';
import { isThenable } from '../../pool/worker/chunk.js';
import { decode, encode } from '../values.js';
import { functionAt } from './function-places.js';
import type { TaskData } from './task-data.js';

/** A task as the worker program gives it to one of its processes. */
export interface LocalTask extends Pick<TaskData, 'module' | 'export' | 'registered' | 'apply'> {
  readonly root: string;
  readonly values: Buffer;
}

/** Runs the task. Returns its outcome: a byte that is 1 if it returned, and the encoded result or error. */
export async function runTask(task: LocalTask): Promise<Buffer> {
  try {
    const fn = await functionAt(task, task.root);
    const values = decode(task.values) as unknown[];
    return outcome(true, await applied(fn, task.apply, values));
  } catch (error) {
    return failed(error);
  }
}

async function applied(
  fn: (...args: unknown[]) => unknown,
  apply: Application,
  values: readonly unknown[],
): Promise<unknown> {
  if (apply === Application.call) return fn(...values);
  const results: unknown[] = [];
  for (const value of values) {
    const result = apply === Application.spread ? fn(...(value as unknown[])) : fn(value);
    results.push(isThenable(result) ? await result : result);
  }
  return results;
}

function outcome(ok: boolean, value: unknown): Buffer {
  let bytes: Buffer;
  try {
    bytes = encode(value, 'result');
  } catch (cause) {
    throw new MaybeEncodingError(String(cause), inspect(value), { cause });
  }
  return Buffer.concat([Buffer.of(ok ? 1 : 0), bytes]);
}

/** The outcome of a task that threw. */
export function failed(error: unknown): Buffer {
  try {
    return outcome(false, error);
  } catch {
    return outcome(false, readableError(error));
  }
}
