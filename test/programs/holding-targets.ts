/** Functions for children that have shared memory which no other process knows of. */
import { type Connection, inspect, SharedArray, serialize } from 'multiproc';

const held: object[] = [];

function hold(): string[] {
  const arrays = [1, 2].map(() => new SharedArray('d', 200_000));
  held.push(...arrays);
  // Only what was sent to another process has a file.
  serialize(arrays);
  return arrays.map((array) => inspect(array).file as string);
}

/** Sends the names of what it holds, and stays. */
export async function holdSegments(writer: Connection): Promise<void> {
  await writer.send(hold());
  await new Promise(() => setInterval(() => {}, 60_000));
}

/** Returns the names of what the worker holds from then on. */
export function holdInWorker(): { pid: number; names: string[] } {
  return { pid: process.pid, names: hold() };
}
