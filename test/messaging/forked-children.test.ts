/** Messages between a program and its children, with the start method `fork`, in a program that is able to fork. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const flag = '--single-threaded';

if (process.execArgv.includes(flag)) {
  const { default: t } = await import('tap');
  const { messagingSuite } = await import('../conformance/messaging.js');
  const { leaveNothing } = await import('../harness/leftovers.js');
  t.setTimeout(240_000);
  leaveNothing(t);
  await messagingSuite(t, 'fork');
} else {
  // The same file, started for it; what it reports on stdout is what this one reports.
  const { status } = spawnSync(process.execPath, [flag, fileURLToPath(import.meta.url)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
