/** What a worker that is a thread runs. */
import type { Assignment } from './assignment.js';
import { serveTasks } from './serve.js';

export async function runWorker(assignment: Assignment): Promise<void> {
  await serveTasks(assignment);
  // Whatever tasks have left open. In a Worker this ends the thread alone.
  process.exit();
}
