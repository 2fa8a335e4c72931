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

/**
 * With these options of node the children's code is as fast as it can be. From Node 22 on V8 has a compiler between the first
 * and the best one, and where no thread compiles aside, a loop that this one has taken while it runs is not compiled better any
 * more: programs of one long loop took six times as long. They count from the start of the program only: a child that was
 * told so later was ended by a check of V8 when it came to a loop that its parent had compiled before.
 */
export const flagsForForking: readonly string[] = [
  '--single-threaded',
  ...(Number(process.versions.node.split('.')[0]) >= 22 ? ['--no-maglev-osr'] : []),
];

/** What starts this program so. */
export function forkingCommand(): string {
  const flags = process.execArgv.filter((flag) => !/single[-_]threaded$/.test(flag));
  return ['node', '--single-threaded', ...flags, ...process.argv.slice(1)].join(' ');
}
