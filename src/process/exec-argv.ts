/** Node's own options for children: all except those that concern one run of one program. */

import { isAbsolute } from 'node:path';

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
  '--title',
  '--env-file',
  '--env-file-if-exists',
  '--build-snapshot-config',
]);

const alone =
  /^(--inspect(-\w+)*|--test(-[\w-]+)?|--experimental-test-[\w-]+|--watch(-[\w-]+)?|--check|-c|--interactive|-i|--build-snapshot)$/;

/**
 * Options for children of a process with these options: without `--inspect*`, whose port is taken; `--test*` and
 * `--watch*`, which are the runner's; without the program itself (`--eval`, `--print`, `--input-type`); and without
 * `--env-file`: children get the environment as of `start()`, and the file would bring deleted variables back; `--title`,
 * as children have titles of their own. What follows a script, as ts-node puts its own path there, is that script's.
 */
export function inheritedExecArgv(execArgv: readonly string[]): string[] {
  const inherited: string[] = [];
  for (let i = 0; i < execArgv.length; i++) {
    const argument = execArgv[i] as string;
    const name = argument.split('=', 1)[0] as string;
    if (isScript(execArgv, i)) return [...inherited, ...execArgv.slice(i)];
    if (valued.has(name)) {
      if (name === argument) i++;
    } else if (!alone.test(name) && argument !== '-') {
      inherited.push(argument);
    }
  }
  return inherited;
}

/** Options, but those above, whose value may be the next argument and look like the path of a script. */
const beforePath =
  /^(--require|-r|--import|--loader|--experimental-loader|--env-file(-if-exists)?|--icu-data-dir|--openssl-config|--redirect-warnings|--report-dir(ectory)?|--diagnostic-dir|--allow-fs-(read|write)|--snapshot-blob|--tls-keylog|--localstorage-file|--experimental-config-file|--(cpu|heap)-prof-(dir|name)|--trace-event-file-pattern|--disable-warning|--policy-integrity|--experimental-policy)$/;

function isScript(execArgv: readonly string[], i: number): boolean {
  const argument = execArgv[i] as string;
  return isAbsolute(argument) && !beforePath.test(execArgv[i - 1] ?? '');
}
