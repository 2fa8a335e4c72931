/** Programs that the fork server cannot serve, as their children would lack a thread or a file that is written at the end. */
import { hookedIn } from '../../lifecycle/module-hooks.js';
import { native } from '../../native.js';

/** Options whose threads, or whose work at Node's own end, a forked child does not have. */
const flags =
  /^--(cpu-prof|heap-prof|prof|perf-basic-prof|perf-prof|frozen-intrinsics|trace-event|trace-events-enabled|jitless-threads)/;

/** Why children of this program cannot be forked; `undefined` if they can. */
export function unsuitability(execArgv: readonly string[]): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (!native.hasPidfds()) return 'it needs pidfd_open, which this kernel or sandbox does not have';
  if (hookedIn()) return 'module hooks run in a thread of their own (module.register), which a fork does not copy';
  const options = [...execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  const flag = options.find((option) => flags.test(option.replaceAll('_', '-')));
  if (flag !== undefined) return `${flag} writes its file at an end of Node that forked children do not come to`;
  return undefined;
}
