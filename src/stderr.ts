/** This thread's own output on stderr: at once, and by one write. */
import { native } from './native.js';

let descriptor = 2;

/** Sets the stderr of a Worker that has another one than its process. */
export function sendStderrTo(fd: number): void {
  descriptor = fd;
}

export function writeToStderr(text: string): void {
  try {
    native.writeAll(descriptor, Buffer.from(text));
  } catch {
    // Nobody reads stderr any more: there is nowhere to say so.
  }
}
