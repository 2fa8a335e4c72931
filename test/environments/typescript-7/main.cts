import { isMainProcess, Lock, Pool, Process, Queue, SharedArray, Struct, Value } from 'multiproc';
import { Pool as ThreadPool } from 'multiproc/dummy';
import { shmOpen } from 'multiproc/posix';

const lock = new Lock({ name: 'x' });
const pool = new Pool(2);
export const r: Promise<number> = pool.apply((a: number) => a + 1, [1]);
export const q: Queue<number> = new Queue<number>();
export { isMainProcess, lock, Process, SharedArray, Struct, shmOpen, ThreadPool, Value };
