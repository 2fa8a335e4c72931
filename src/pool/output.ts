/** The output of a pool's workers, as one stream for all of them. */
import type { Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';

export class Output {
  readonly #streams: { readonly stdout: PassThrough | null; readonly stderr: PassThrough | null };
  /** Pipes of workers that may still deliver output. */
  readonly #sources = new Set<Readable>();
  #isOver = false;

  /** @param stdio an option of `Process` */
  constructor(stdio: unknown) {
    const streams = Array.isArray(stdio) ? stdio : ['ignore', stdio, stdio];
    if (streams[0] === 'pipe') {
      throw new TypeError(
        'Expected the stdin in "stdio" of a pool not to be \'pipe\': tasks are given to a pool by its methods',
      );
    }
    const joined = (stream: unknown) => (stream === 'pipe' ? new PassThrough().setMaxListeners(0) : null);
    this.#streams = { stdout: joined(streams[1]), stderr: joined(streams[2]) };
  }

  get stdout(): Readable | null {
    return this.#streams.stdout;
  }

  get stderr(): Readable | null {
    return this.#streams.stderr;
  }

  /** Forwards a worker's output; the worker waits while the pool's stream is full. */
  add(worker: { readonly stdout: Readable | null; readonly stderr: Readable | null }): void {
    for (const name of ['stdout', 'stderr'] as const) {
      const joined = this.#streams[name];
      const source = worker[name];
      if (joined === null || source === null) continue;
      this.#sources.add(source);
      // A pipe that breaks ends with its worker; the pool sees that end by other means.
      source.on('error', () => {});
      source.once('close', () => {
        this.#sources.delete(source);
        this.#endIfOver();
      });
      source.pipe(joined, { end: false });
    }
  }

  /** Ends the streams: no further worker will write. */
  end(): void {
    this.#isOver = true;
    // Output that was written is still read, also where nothing else keeps the program alive.
    for (const source of this.#sources) (source as Socket).ref();
    this.#endIfOver();
  }

  #endIfOver(): void {
    if (!this.#isOver || this.#sources.size > 0) return;
    this.#streams.stdout?.end();
    this.#streams.stderr?.end();
  }
}
