/** The bar of `progress: true`, by the package cli-progress where the program has it. */
import { createRequire } from 'node:module';
import { MultiprocError } from '../errors.js';

/** A visible bar. */
export interface Bar {
  update(done: number): void;
  stop(): void;
}

interface CliProgress {
  readonly SingleBar: new (options: object) => Bar & { start(total: number, done: number): void };
}

/**
 * Shows a bar on stderr, or a count where the total is unknown; returns `undefined` where stderr is no terminal.
 *
 * @throws MultiprocError `ERR_MULTIPROC_PROGRESS` where the package is not installed
 */
export function progressBar(total: number | undefined): Bar | undefined {
  if (!process.stderr.isTTY) return undefined;
  const { SingleBar } = load();
  const bar = new SingleBar({
    format:
      total === undefined
        ? '{value} done | {duration_formatted}'
        : '{bar} {percentage}% | {value}/{total} | {eta_formatted} left',
    hideCursor: true,
    clearOnComplete: false,
    stream: process.stderr,
  });
  bar.start(total ?? 0, 0);
  return bar;
}

function load(): CliProgress {
  try {
    return createRequire(import.meta.url)('cli-progress');
  } catch (cause) {
    throw new MultiprocError('"progress: true" needs the package cli-progress: npm install cli-progress', {
      code: 'ERR_MULTIPROC_PROGRESS',
      cause,
    });
  }
}
