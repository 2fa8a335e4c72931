/** `multiproc run FILE`: the program in the place of this command, started so that it can fork. */
import { readFileSync } from 'node:fs';
import { SystemError } from '../errors.js';
import { flagsForForking } from '../lifecycle/single-threaded.js';
import { native } from '../native.js';

/**
 * Becomes `node --single-threaded …`, see {@link flagsForForking}: pid, signals, standard streams and exit code are the program's own.
 *
 * @param args - options of node, the file, and the program's arguments
 * @returns the exit code, if node could not be started
 */
export function run(args: readonly string[]): number {
  const channel = Number(restoreChannel());
  try {
    const command = [process.execPath, ...process.execArgv, ...flagsForForking, ...args];
    native.execProcess(process.execPath, command, channel > 2 ? [0, 1, 2, channel] : [0, 1, 2]);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    process.stderr.write(`multiproc: ${error.message}\n`);
    return 126;
  }
}

// A creator that started this with a channel for messages means the program. Node has removed the variables that say
// so.
function restoreChannel(): string | undefined {
  const variables = readFileSync('/proc/self/environ', 'utf8').split('\0');
  for (const variable of variables) {
    const [, name, value] = /^(NODE_CHANNEL_\w+)=(.*)$/s.exec(variable) ?? [];
    if (name !== undefined) process.env[name] = value;
  }
  return process.env.NODE_CHANNEL_FD;
}
