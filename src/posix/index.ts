/** The POSIX floor under the package, for programs that want it plain: fork, waitpid, shared memory, semaphores. */
export type { Wait, WaitOptions } from '../deadline.js';
export { type ForkOptions, fork } from './fork.js';
export { exit, getpid } from './process.js';
export { PosixSemaphore, type SemOptions, semOpen, semUnlink } from './semaphore.js';
export { PosixSharedMemory, type ShmOptions, shmOpen, shmUnlink } from './shm.js';
export { type ChildEnd, type WaitpidOptions, waitpid } from './wait.js';
