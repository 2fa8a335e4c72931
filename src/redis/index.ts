/** `multiproc/redis`: the classes of this package for more than one machine, over a Redis or Valkey server. */
export type { RedisClient } from './client.js';
export { type ConnectOptions, connect } from './connect.js';
export { RedisContext } from './context.js';
export { RedisError } from './errors.js';
export type { RedisEvent } from './event.js';
export type {
  RedisDeadLetter,
  RedisJoinableQueue,
  RedisJoinableQueueOptions,
  RedisTakenMessage,
} from './joinable-queue.js';
export type { RedisHold, RedisLock, RedisLockOptions } from './lock.js';
export type { RedisPool, RedisPoolOptions } from './pool/pool.js';
export type { RedisQueue, RedisSimpleQueue } from './queue.js';
export type { RedisRLock } from './rlock.js';
export type { RedisPermit, RedisSemaphore, RedisSemaphoreOptions } from './semaphore.js';
export type { RedisSharedMap, RedisSharedMapOptions, RedisTtlOptions } from './shared-map.js';
export type { RedisValue, RedisValueOptions } from './value.js';
