/** Whether this program was started so that it can fork: with V8 without helper threads. */

/**
 * Only the command line counts: V8 reads the flag when it starts, NODE_OPTIONS refuses it and v8.setFlagsFromString comes
 * too late. V8 takes dashes for underscores, and the last of several wins.
 */
export function isAbleToFork(): boolean {
  const last = process.execArgv
    .map((flag) => flag.replaceAll('_', '-'))
    .findLast((flag) => /^--(no-?)?single-threaded$/.test(flag));
  return last === '--single-threaded';
}

/** What starts this program so. */
export function forkingCommand(): string {
  const flags = process.execArgv.filter((flag) => !/single[-_]threaded$/.test(flag));
  return ['node', '--single-threaded', ...flags, ...process.argv.slice(1)].join(' ');
}
