/**
 * Restrictions that keep this program from starting processes: a runtime that is not Node, or Node's permission model.
 */

/** The runtime, if it is not Node. */
function otherRuntime(): string | undefined {
  const { bun, deno } = process.versions as { bun?: string; deno?: string };
  if (bun !== undefined) return `Bun ${bun}`;
  return deno === undefined ? undefined : `Deno ${deno}`;
}

/**
 * Returns why no process or thread can be started here; `undefined` if they can.
 *
 * @param threads whether threads are meant
 */
export function startIsForbidden(threads = false): string | undefined {
  const runtime = otherRuntime();
  if (runtime !== undefined) {
    return (
      `this is ${runtime}, where multiproc has its synchronisation, shared memory and queues; processes, threads, pools ` +
      'and managers need Node'
    );
  }
  if (threads) return undefined;
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  // The addon starts processes without asking Node; so the permission is checked here.
  if (permission?.has('child') === false) return 'Node runs with --permission and needs --allow-child-process';
  return undefined;
}
