/** Starts managers whose class's module fails in the server's process, and reports the errors. */
import { isMainProcess } from 'multiproc';
import { FailingManager } from './manager-failing.js';

if (isMainProcess) {
  process.env.FAILS_IN = String(process.pid);
  const errors: unknown[] = [];
  for (const way of ['throw', 'exit', 'kill']) {
    process.env.FAILS_BY = way;
    await new FailingManager({ context: 'spawn' }).start().catch(({ name, message, cause }) => {
      errors.push({ name, message, hasCause: cause !== undefined });
    });
  }
  process.send?.(errors);
  process.disconnect?.();
}
