/** Main module of a worker that is a thread. */
import type { Assignment } from './assignment.js';
import { serveTasks } from './serve.js';

export async function runWorker(assignment: Assignment): Promise<void> {
  await serveTasks(assignment);
  // Ends also with timers or requests that tasks have left open. In a Worker this ends the thread alone.
  process.exit();
}
