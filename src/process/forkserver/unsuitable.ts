/** Programs that the fork server cannot serve, as their children would lack a thread or a file that is written at the end. */

const hooksModule = 'NativeModule internal/modules/esm/hooks';

/** Options whose threads, or whose work at Node's own end, a forked child does not have. */
const flags = /^--(cpu-prof|heap-prof|prof|perf-basic-prof|perf-prof|trace-event|trace-events-enabled|jitless-threads)/;

/** Whether module hooks run in a thread of this process (`module.register`, `--experimental-loader`). */
export function hookedIn(): boolean {
  // Undocumented. Where it is missing, an import in a child shows: it never settles.
  const { moduleLoadList = [] } = process as unknown as { moduleLoadList?: readonly string[] };
  return moduleLoadList.includes(hooksModule);
}

/** Why children of this program cannot be forked; `undefined` if they can. */
export function unsuitability(execArgv: readonly string[]): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (hookedIn()) return 'module hooks run in a thread of their own (module.register), which a fork does not copy';
  const options = [...execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  const flag = options.find((option) => flags.test(option.replaceAll('_', '-')));
  if (flag !== undefined) return `${flag} writes its file at an end of Node that forked children do not come to`;
  return undefined;
}
