/** Functions for pools on Redis. It imports nothing of the package but what its functions need. */
import { writeFileSync } from 'node:fs';
import { currentTask, register } from 'multiproc';

export function square(x: number): number {
  return x * x;
}

export async function add(a: number, b: number): Promise<number> {
  return a + b;
}

export const wrapped = register(
  'cluster-tasks.wrapped',
  (
    (n: number) => (x: number) =>
      n * x
  )(3),
);

export function fail(message: string): never {
  throw Object.assign(new RangeError(message), { field: 7 });
}

export function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('unreachable');
}

/** Dies where the file is missing, which it makes. */
export function dieOnce(file: string): string {
  try {
    writeFileSync(file, '', { flag: 'wx' });
  } catch {
    return 'survived';
  }
  return die();
}

/** Says by a file that it runs, and runs until it is interrupted. */
export async function hang(file: string): Promise<string> {
  writeFileSync(file, String(process.pid));
  const signal = currentTask()?.signal as AbortSignal;
  await new Promise((resolve) => {
    const timer = setInterval(() => {}, 1000);
    signal.addEventListener('abort', () => {
      clearInterval(timer);
      resolve(undefined);
    });
  });
  writeFileSync(`${file}.stopped`, '');
  return 'interrupted';
}

/** Runs for some ms. */
export function pause(ms: number): Promise<number> {
  return new Promise((resolve) => setTimeout(resolve, ms, ms));
}

export function size(bytes: Uint8Array): number {
  return bytes.length;
}

export function bytes(count: number): Uint8Array {
  return new Uint8Array(count).fill(5);
}

export function unsendable(): unknown {
  return () => 1;
}
