/** Everything that managers promise, with the start method `fork`, in a program that is able to. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const flag = '--single-threaded';

if (process.execArgv.includes(flag)) {
  const { default: t } = await import('tap');
  const { managersSuite } = await import('../conformance/managers.js');
  const { leaveNothing } = await import('../harness/leftovers.js');
  t.setTimeout(300_000);
  leaveNothing(t);
  managersSuite(t, 'fork');
} else {
  // The same file, started for it; what it reports on stdout is what this one reports.
  const { status } = spawnSync(process.execPath, [flag, fileURLToPath(import.meta.url)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
