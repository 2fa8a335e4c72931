#!/usr/bin/env node
/** The command `multiproc`: looks at what is in shared memory, and cleans up. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { MultiprocError, ValueError } from '../errors.js';
import { printable, printableJson } from '../printable.js';
import { doctor } from './doctor.js';
import { inspectCommand } from './inspect.js';
import { ls } from './ls.js';
import type { Report } from './report.js';
import { rm } from './rm.js';
import { run } from './run.js';
import { sweepCommand } from './sweep.js';
import { top } from './top.js';
import { why } from './why.js';
import { work, workUsage } from './work.js';

interface Command {
  readonly usage: string;
  readonly does: string;
  /** Minimum and maximum number of arguments. */
  readonly takes: readonly [number, number];
  run(args: string[], force: boolean): Report;
}

const commands: Record<string, Command> = {
  ls: { usage: 'ls [PREFIX]', does: 'list the shared objects of this user', takes: [0, 1], run: ls },
  inspect: {
    usage: 'inspect NAME [KEY]',
    does: 'show who holds an object, who waits for it, and what is in it (of a map, the value of KEY); anonymous ones by the file that ls shows',
    takes: [1, 2],
    run: inspectCommand,
  },
  rm: {
    usage: 'rm NAME',
    does: 'remove a named object that is not in use, or with --force one that is',
    takes: [1, 1],
    run: rm,
  },
  why: {
    usage: 'why PID',
    does: 'show what a process waits for, which processes can end the wait, and deadlocks',
    takes: [1, 1],
    run: why,
  },
  sweep: { usage: 'sweep', does: 'remove what dead processes left', takes: [0, 0], run: sweepCommand },
  doctor: { usage: 'doctor', does: 'tell whether this machine gets the fast paths', takes: [0, 0], run: doctor },
};

const others: Record<string, Pick<Command, 'usage' | 'does'>> = {
  top: { usage: 'top [PREFIX]', does: 'show what inspect shows, of all objects, live; q ends it' },
  work: { usage: workUsage, does: 'run the tasks of a pool on Redis, until SIGTERM' },
  serve: {
    usage: 'serve [--listen HOST:PORT | unix:PATH] [--token TOKEN]',
    does: 'serve metrics for Prometheus and a live page, by default on 127.0.0.1:9464',
  },
  run: { usage: 'run FILE', does: 'run a program able to fork; options of node go before FILE' },
};

const options = `Options:
  --json         for machines; top prints a line for each look
  --interval MS  from one look of top to the next, by default 1000
  --listen PLACE where serve listens; a place beyond this machine needs a token
  --token TOKEN  of serve: asked of each client; or MULTIPROC_SERVE_TOKEN
  --force        of rm: also what is in use
  --version      the version of this package
  --help         of a command: multiproc COMMAND --help
`;

const longestInterval = 2 ** 31 - 1;

const argv = process.argv.slice(2);
// Arguments after `run` are the program's, including options.
if (argv[0] === 'run' && argv.length > 1 && argv[1] !== '--help') {
  process.exitCode = run(argv.slice(1));
} else {
  void Promise.resolve(argv[0] === 'work' ? work(argv.slice(1)) : main(argv)).then((code) => {
    process.exitCode = code;
  });
}

function main(argv: string[]): number | Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    return misuse((error as Error).message);
  }
  const [name, ...args] = parsed.positionals;
  if (parsed.values.version) {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  if (parsed.values.help || name === undefined) {
    process.stdout.write(helpFor(name) ?? usage());
    return name === undefined && !parsed.values.help ? 2 : 0;
  }
  if (name === 'run') return misuse('usage: multiproc run FILE');
  const { json = false, interval, force = false, listen, token } = parsed.values;
  if (force && name !== 'rm') return misuse('only rm takes --force');
  if (name !== 'serve' && (listen ?? token) !== undefined) return misuse('only serve takes --listen and --token');
  if (name === 'top') return topCommand(args, json, interval);
  if (name === 'serve') return serveCommand(args, listen, token);
  if (interval !== undefined) return misuse('only top takes --interval');
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) return misuse(`there is no command '${name}'`);
  const [least, most] = command.takes;
  if (args.length < least || args.length > most) return misuse(`usage: multiproc ${command.usage}`);
  try {
    const report = command.run(args, force);
    // A refusal is no result.
    if (report.code !== undefined && name === 'rm' && !json) process.stderr.write(`multiproc: ${report.text}`);
    else process.stdout.write(json ? `${printableJson(report.data, 2)}\n` : report.text);
    return report.code ?? 0;
  } catch (error) {
    if (!(error instanceof MultiprocError)) throw error;
    process.stderr.write(`multiproc: ${error.message}\n`);
    return 1;
  }
}

async function serveCommand(
  args: string[],
  listen = '127.0.0.1:9464',
  token = process.env.MULTIPROC_SERVE_TOKEN,
): Promise<number> {
  if (args.length > 0) return misuse(`usage: multiproc ${others.serve?.usage}`);
  try {
    const { serve } = await import('./serve.js');
    return await serve({ listen, token });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof MultiprocError) && code === undefined) throw error;
    process.stderr.write(`multiproc serve: ${printable(message)}\n`);
    return error instanceof ValueError ? 2 : 1;
  }
}

function topCommand(args: string[], json: boolean, interval = '1000'): number | Promise<number> {
  if (args.length > 1) return misuse('usage: multiproc top [PREFIX]');
  const ms = Number(interval);
  if (!Number.isInteger(ms) || ms < 10 || ms > longestInterval) {
    return misuse(`expected --interval to be milliseconds, 10 or more, got '${interval}'`);
  }
  return top({ prefix: args[0], json, interval: ms });
}

function parse(args: string[]) {
  return parseArgs({
    args,
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      interval: { type: 'string' },
      listen: { type: 'string' },
      token: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
      force: { type: 'boolean', short: 'f' },
    },
  });
}

/** `undefined` if there is no such command. */
function helpFor(name: string | undefined): string | undefined {
  const all = { ...commands, ...others };
  if (name === undefined || !Object.hasOwn(all, name)) return undefined;
  const { usage, does } = all[name] as Command;
  return `Usage: multiproc ${usage}\n\n${does[0]?.toUpperCase()}${does.slice(1)}.\n\n${options}`;
}

/** Of this package. */
function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function misuse(message: string): number {
  process.stderr.write(`multiproc: ${printable(message)}\n\n${usage()}`);
  return 2;
}

function usage(): string {
  const lines = Object.values({ ...commands, ...others }).map(
    ({ usage, does }) => `  multiproc ${usage.padEnd(14)} ${does}\n`,
  );
  return `Usage:\n${lines.join('')}\n${options}`;
}
