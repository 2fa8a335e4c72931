/** What the workers of a named pool run. */
import { currentTask, type Queue, type Value } from 'multiproc';

export function hostPid(): number {
  return process.ppid === 1 ? -1 : process.ppid;
}

/** Says that it has begun, and blocks the worker for so long. */
export function rest(begun: Queue, ms: number): string {
  begun.putSync(process.pid);
  const end = performance.now() + ms;
  while (performance.now() < end && currentTask()?.signal.aborted === false);
  return 'done';
}

export function stop(pid: number): void {
  process.kill(pid, 'SIGKILL');
}

export function addTo(value: Value<'i'>, by: number): number {
  value.add(by);
  return value.value;
}

let prepared = 0;

export function prepare(value: number): void {
  prepared = value;
}

export function preparedValue(): number {
  return prepared;
}

export function failToPrepare(): never {
  throw new RangeError('not prepared');
}
