/** This process as the kernel knows it: its pid, and its end without ceremony. */
import { native } from '../native.js';
import { checkInteger } from './integer.js';

/** The pid, asked from the kernel. Mirrors Python's `os.getpid`. */
export function getpid(): number {
  return native.currentPid();
}

/**
 * Ends the process at once: no 'exit' handlers, nothing flushed, nothing cleaned up. Mirrors Python's `os._exit`.
 *
 * @param code - 0 … 255
 */
export function exit(code: number): never {
  native.exitNow(checkInteger('code', code, 0, 255));
}
