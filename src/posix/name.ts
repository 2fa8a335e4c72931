/** The names of POSIX shared memory and semaphores: `'/name'` or `'name'`, which mean the same. */
import { MultiprocError } from '../errors.js';
import { printableJson } from '../printable.js';

/**
 * The name with its leading slash, as the system wants it.
 *
 * @param most - bytes that the system takes, without the slash
 */
export function systemName(name: string, most: number): string {
  if (typeof name !== 'string') throw new TypeError(`Expected "name" to be a string, got ${typeof name}`);
  const bare = name.startsWith('/') ? name.slice(1) : name;
  const wrong = whatIsWrong(bare, most);
  if (wrong !== undefined) {
    throw new MultiprocError(`Expected "name" to be '/name' or 'name', got ${printableJson(name)}: ${wrong}`, {
      code: 'ERR_MULTIPROC_NAME',
    });
  }
  return `/${bare}`;
}

function whatIsWrong(bare: string, most: number): string | undefined {
  if (bare === '') return 'it is empty';
  if (bare === '.' || bare === '..') return 'it is a directory';
  if (bare.includes('/')) return 'it holds a slash';
  if (bare.includes('\0')) return 'it holds a NUL';
  if (Buffer.byteLength(bare) > most) return `it is longer than ${most} bytes`;
  return undefined;
}
