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
 * Options of node with which children's code is as fast as possible. From Node 22 on V8 has a compiler between the
 * first and the optimising one. Without threads that compile aside, a running loop that entered its code is not
 * optimised further: programs of one long loop took six times as long. The options count from the start of the program
 * only: a child that got them later was ended by a check of V8 at a loop that its parent had compiled before.
 */
export const flagsForForking: readonly string[] = [
  '--single-threaded',
  ...(Number(process.versions.node.split('.')[0]) >= 22 ? ['--no-maglev-osr'] : []),
];

/** Returns the command that starts this program so. */
export function forkingCommand(): string {
  const flags = process.execArgv.filter((flag) => !/single[-_]threaded$/.test(flag));
  return ['node', '--single-threaded', ...flags, ...process.argv.slice(1)].join(' ');
}
