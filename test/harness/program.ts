/** Other processes in a test: started, spoken to by messages and lines, and gone when the test is over. */
import { type ChildProcess, fork, type Serializable, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Inbox } from './inbox.js';

// From Node 26 on tap has `--no-warnings` there, and some of the programs are to warn.
delete process.env.NODE_OPTIONS;

/** What `program` and `command` need of a tap test. */
export interface Scope {
  teardown(handler: () => unknown): void;
}

export interface ProgramOptions {
  args?: string[];
  /** Options of node itself, for example `['--single-threaded']`. */
  execArgv?: string[];
  /** Added to this process's environment; `undefined` removes a variable. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** Runs it as this user and group, without supplementary groups; only root may. */
  uid?: number;
  /** Another node than that of the test. */
  execPath?: string;
  /** The watchdog, in ms: a program that still runs then is killed, and what waits for it fails. */
  timeout?: number;
}

/** How a process ended: one of the two is null. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * Starts `test/programs/<name>.ts` (or the compiled file at a URL) as a node process of its own, with a message channel.
 * When the test ends, the process is killed if it still runs.
 */
export function program(t: Scope, name: string | URL, options: ProgramOptions = {}): Program {
  const file = name instanceof URL ? name : new URL(`../programs/${name}.js`, import.meta.url);
  const child = fork(fileURLToPath(file), options.args ?? [], {
    execArgv: options.execArgv ?? [],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    ...surroundings(options),
  });
  return new Program(t, child, String(name), options.timeout);
}

/** Starts any executable, for example `command(t, 'python3', { args: ['-c', source] })`; there are no messages, only lines. */
export function command(t: Scope, file: string, options: Omit<ProgramOptions, 'execArgv'> = {}): Program {
  const child = spawn(file, options.args ?? [], { stdio: ['pipe', 'pipe', 'pipe'], ...surroundings(options) });
  return new Program(t, child, file, options.timeout);
}

function surroundings({ env, cwd, uid, execPath }: ProgramOptions) {
  return {
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
    ...(execPath === undefined ? {} : { execPath }),
  };
}

async function endingBy(child: ChildProcess, event: 'exit' | 'close'): Promise<Ending> {
  const [code, signal] = (await once(child, event)) as [Ending['code'], Ending['signal']];
  return { code, signal };
}

/** A running process, seen from the test. Everything awaited here fails once the process has ended without it. */
export class Program {
  readonly child: ChildProcess;
  /** Settles when the process has ended and its output is read. Rejects only if it could not be started. */
  readonly ended: Promise<Ending>;
  /** Settles when the process has ended, even if a process that it started still has its stdout or stderr open. */
  readonly exited: Promise<Ending>;
  /** Everything it wrote to stderr so far. */
  stderr = '';
  readonly #messages = new Inbox<unknown>();
  readonly #lines = new Inbox<string>();

  constructor(t: Scope, child: ChildProcess, name: string, timeout = 60_000) {
    this.child = child;
    child.on('message', (message) => this.#messages.put(message));
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#lines.put(line));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    let late = false;
    const watchdog = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeout);
    this.exited = endingBy(child, 'exit');
    this.exited.catch(() => undefined);
    this.ended = endingBy(child, 'close');
    const finish = (how: string) => {
      clearTimeout(watchdog);
      const message = `${name} ${late ? `was killed: it still ran after ${timeout} ms` : how}`;
      const error = new Error(this.stderr === '' ? message : `${message}; its stderr:\n${this.stderr}`);
      this.#messages.end(error);
      this.#lines.end(error);
    };
    this.ended.then(
      ({ code, signal }) => finish(`ended with ${signal ?? `code ${code}`}`),
      (cause) => finish(`could not be started: ${cause.message}`),
    );
    t.teardown(async () => {
      this.kill();
      await this.ended.catch(() => undefined);
    });
  }

  /** Its process id; throws if it could not be started. */
  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the program could not be started');
    return this.child.pid;
  }

  /** The next message it sends that nobody has taken yet. */
  message<T = unknown>(): Promise<T> {
    return this.#messages.take() as Promise<T>;
  }

  /** The next line of its stdout that nobody has taken yet; with a pattern, earlier lines that do not match are dropped. */
  async line(pattern?: RegExp): Promise<string> {
    for (;;) {
      const line = await this.#lines.take();
      if (pattern === undefined || pattern.test(line)) return line;
    }
  }

  send(message: Serializable): void {
    this.child.send(message);
  }

  /** Sends a message and takes the next answer. */
  ask<T = unknown>(message: Serializable): Promise<T> {
    this.send(message);
    return this.message<T>();
  }

  /** Sends a signal; after its end this does nothing. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
  }
}
