/** What this thread says on stderr by itself: at once, and by one write. */
import { native } from './native.js';

let descriptor = 2;

/** Of a Worker that has another stderr than its process. */
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
