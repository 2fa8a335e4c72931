/** Which of node's own options children get: all but those that are about one run of one program. */

/** Their value is the next argument, unless it comes after `=`. */
const valued = new Set([
  '--eval',
  '-e',
  '--print',
  '-p',
  '-pe',
  '--input-type',
  '--inspect-port',
  '--debug-port',
  '--inspect-publish-uid',
  '--test-name-pattern',
  '--test-skip-pattern',
  '--test-reporter',
  '--test-reporter-destination',
  '--test-shard',
  '--test-concurrency',
  '--test-timeout',
  '--test-isolation',
  '--watch-path',
  '--watch-kill-signal',
  '--run',
  '--build-sea',
  '--experimental-sea-config',
  '--env-file',
  '--env-file-if-exists',
  '--build-snapshot-config',
]);

const alone =
  /^(--inspect(-\w+)*|--test(-[\w-]+)?|--experimental-test-[\w-]+|--watch(-[\w-]+)?|--check|-c|--interactive|-i|--build-snapshot)$/;

/**
 * Options for children of a process with these options: without `--inspect*`, whose port is taken; `--test*` and
 * `--watch*`, which are the runner's; without the program itself (`--eval`, `--print`, `--input-type`); and without
 * `--env-file`: children get the environment as of `start()`, and the file would bring deleted variables back.
 */
export function inheritedExecArgv(execArgv: readonly string[]): string[] {
  const inherited: string[] = [];
  for (let i = 0; i < execArgv.length; i++) {
    const argument = execArgv[i] as string;
    const name = argument.split('=', 1)[0] as string;
    if (valued.has(name)) {
      if (name === argument) i++;
    } else if (!alone.test(name) && argument !== '-') {
      inherited.push(argument);
    }
  }
  return inherited;
}
