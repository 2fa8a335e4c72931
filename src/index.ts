export type { Wait, WaitOptions } from './deadline.js';
export * from './errors.js';
export type { NameOptions } from './shared/block.js';
export type { Hold } from './sync/hold.js';
export { Lock } from './sync/lock.js';
export { RLock } from './sync/rlock.js';
export { BoundedSemaphore, Semaphore, type SemaphoreOptions } from './sync/semaphore.js';
