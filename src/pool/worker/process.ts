/** What a worker that is a process of its own runs. */
import type { Assignment } from './assignment.js';
import { serveTasks } from './serve.js';

export async function runWorker(assignment: Assignment): Promise<void> {
  // Ctrl-C goes to all processes of the terminal: the parent decides what becomes of its workers.
  if (!assignment.defaultSignals) process.on('SIGINT', () => {});
  await serveTasks(assignment);
  // Whatever tasks have left open.
  process.exit();
}
