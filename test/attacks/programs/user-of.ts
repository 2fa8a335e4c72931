/** A target that says which user it runs as. */
import type { Queue } from 'multiproc';

export function userOf(queue?: Queue<string>): string {
  const user = `${process.geteuid?.()}`;
  queue?.putSync(user);
  return user;
}

/** Ends the worker that runs it. */
export function endWorker(): void {
  process.kill(process.pid, 'SIGKILL');
}
