/** Main module of a worker that is a process. */
import { leaveSignalsToParent } from '../../process/group-signals.js';
import type { Assignment } from './assignment.js';
import { serveTasks } from './serve.js';

export async function runWorker(assignment: Assignment): Promise<void> {
  if (!assignment.defaultSignals) leaveSignalsToParent();
  await serveTasks(assignment);
  // Ends also with timers or requests that tasks have left open.
  process.exit();
}
