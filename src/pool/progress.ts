/** The bar that `progress: true` shows, by the package cli-progress where the program has it. */
import { MultiprocError } from '../errors.js';

interface Bar {
  start(total: number, done: number): void;
  update(done: number): void;
  stop(): void;
}

interface CliProgress {
  readonly SingleBar: new (options: object) => Bar;
}

/** A bar on stderr; `undefined` where that is no terminal, so that nobody would see it. */
export async function progressBar(total: number): Promise<Bar | undefined> {
  if (!process.stderr.isTTY) return undefined;
  const { SingleBar } = await load();
  const bar = new SingleBar({
    format: '{bar} {percentage}% | {value}/{total} | {eta_formatted} left',
    hideCursor: true,
    clearOnComplete: false,
    stream: process.stderr,
  });
  bar.start(total, 0);
  return bar;
}

async function load(): Promise<CliProgress> {
  // A name that the compiler does not follow: the package is an optional one.
  const name: string = 'cli-progress';
  try {
    const loaded = (await import(name)) as { default?: CliProgress } & CliProgress;
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new MultiprocError('"progress: true" needs the package cli-progress: npm install cli-progress', {
      code: 'ERR_MULTIPROC_PROGRESS',
      cause,
    });
  }
}
