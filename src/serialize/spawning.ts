/**
 * Whether the message being serialised goes to a child that is being started, and to no other process: it may carry
 * keys.
 */

let spawning = false;

export function whileSpawning<T>(write: () => T): T {
  const before = spawning;
  spawning = true;
  try {
    return write();
  } finally {
    spawning = before;
  }
}

export function isSpawning(): boolean {
  return spawning;
}
