export type { Wait, WaitOptions } from './deadline.js';
export * from './errors.js';
export { Finalize, type FinalizeOptions } from './lifecycle/finalize.js';
export {
  getLogger,
  type Logger,
  type LogHandler,
  LogLevel,
  type LogLevelName,
  type LogRecord,
  logToStderr,
} from './logging.js';
export { BaseManager, type ManagerOptions } from './managers/base-manager.js';
export { BaseProxy } from './managers/client/proxy.js';
export type {
  ArrayProxy,
  AsyncResultProxy,
  BarrierProxy,
  ConditionProxy,
  DictProxy,
  EventProxy,
  IteratorProxy,
  JoinableQueueProxy,
  ListProxy,
  LockProxy,
  NamespaceProxy,
  PoolProxy,
  ProxyFor,
  ProxyOf,
  QueueProxy,
  SemaphoreProxy,
  SetProxy,
  ValueProxy,
} from './managers/client/proxy-types.js';
export type { ManagerLimits } from './managers/protocol/limits.js';
export type { ServeOptions, Server } from './managers/server/server.js';
export { SharedMemoryManager, type SharedMemoryManagerOptions } from './managers/shared-memory-manager.js';
export { Manager, SyncManager } from './managers/sync-manager.js';
export type { TypeOptions } from './managers/types/registered-type.js';
export type { MapKey } from './map/keys.js';
export { RateLimiter, type RateLimiterOptions, type RateLimitResult } from './map/rate-limiter.js';
export {
  type ComputeOptions,
  type MapStats,
  SharedMap,
  type SharedMapOptions,
  type TtlOptions,
} from './map/shared-map.js';
export type { Address } from './messaging/address.js';
export type { AuthKey } from './messaging/authentication.js';
export { Client, type ClientOptions } from './messaging/client.js';
export { type Bytes, Connection, type ConnectionOptions } from './messaging/connection.js';
export { DeadLetter } from './messaging/dead-letter.js';
export type { DeliveryOptions } from './messaging/delivery-options.js';
export type { Family } from './messaging/family.js';
export { JoinableQueue, type JoinableQueueOptions } from './messaging/joinable-queue.js';
export { Listener, type ListenerOptions } from './messaging/listener.js';
export { Pipe } from './messaging/pipe.js';
export { Queue, type QueueOptions } from './messaging/queue.js';
export { SimpleQueue } from './messaging/simple-queue.js';
export { type RetryOptions, TakenMessage } from './messaging/taken-message.js';
export { type WaitObject, wait, waitSync } from './messaging/wait.js';
export { type AsyncCallbacks, AsyncResult } from './pool/async-result.js';
export type { TaskMessage, WorkerLostMessage } from './pool/channels.js';
export { currentTask, type Task } from './pool/current-task.js';
export type { HistogramSummary } from './pool/histogram.js';
export type { ImapIterator } from './pool/imap.js';
export type {
  ApplyOptions,
  ImapOptions,
  MapAsyncOptions,
  MapOptions,
  PoolFn,
  PoolOptions,
} from './pool/options.js';
export { Pool } from './pool/pool.js';
export type { PoolStats, PoolWorkerStats } from './pool/stats.js';
export { ThreadPool } from './pool/thread-pool.js';
export { activeChildren } from './process/active-children.js';
export { cpuCount, currentProcess, freezeSupport, type ParentProcess, parentProcess } from './process/current.js';
export { setExecutable } from './process/executable.js';
export type { StartMethod } from './process/launchers/launcher.js';
export { isMainProcess } from './process/main-process.js';
export type { ProcessOptions } from './process/options.js';
export { setForkserverPreload } from './process/preload.js';
export { Process } from './process/process.js';
export type { ResourceLimits } from './process/resource-limits.js';
export {
  getAllStartMethods,
  getStartMethod,
  type SetStartMethodOptions,
  setStartMethod,
} from './process/start-method.js';
export type { Stdio } from './process/stdio.js';
export type { ModuleTarget, Target, TargetOf } from './process/target.js';
export { warmUp } from './process/warm-up.js';
export { deserialize, serialize } from './serialize/codec.js';
export { register } from './serialize/registered.js';
export {
  type Content,
  type ElementType,
  RawArray,
  type RawArrayConstructor,
  type RawArrayOptions,
  type ScalarArray,
  SharedArray,
  SharedArray as Array,
  type SharedArrayConstructor,
  type SharedArrayOptions,
} from './shared/array.js';
export type { NameOptions } from './shared/block.js';
export type { BytesMembers } from './shared/byte-array.js';
export type { ElementArray, TextMembers } from './shared/element-array.js';
export type { PoolInfo } from './shared/glance.js';
export {
  type ArenaInfo,
  type BarrierInfo,
  type ConditionInfo,
  type EventInfo,
  type Holder,
  type Inspectable,
  type Inspection,
  inspect,
  type LockInfo,
  type SemaphoreInfo,
} from './shared/inspect.js';
export { list, type ObjectInfo, unlinkAll } from './shared/listing.js';
export type { MapInfo } from './shared/map-info.js';
export { SharedMemory, type SharedMemoryOptions } from './shared/memory.js';
export type { ArrayMembers, LockMembers } from './shared/numeric-array.js';
export type { LockLike, LockOptions } from './shared/own-lock.js';
export type { ConsumerInfo, JoinableQueueInfo, QueueInfo } from './shared/queue-info.js';
export type { Operand, ScalarOptions } from './shared/scalar.js';
export { type Shareable, ShareableList, type ShareableListOptions } from './shared/shareable-list.js';
export {
  type Fields,
  type FieldType,
  type FieldTypes,
  type ReadField,
  Struct,
  type StructType,
  type WrittenField,
  type WrittenFields,
} from './shared/struct.js';
export type { StructArray } from './shared/struct-array.js';
export type { RawStructValue, StructMembers, StructValue, UpdateState } from './shared/struct-value.js';
export { type Swept, sweep } from './shared/sweep.js';
export {
  type LongName,
  type Read,
  type Typecode,
  type TypeName,
  typecodeToType,
  type Written,
} from './shared/types.js';
export {
  RawValue,
  type RawValueConstructor,
  Value,
  type ValueConstructor,
  type ValueOptions,
} from './shared/value.js';
export { Barrier, type BarrierOptions } from './sync/barrier.js';
export { Condition } from './sync/condition.js';
export { Event } from './sync/event.js';
export type { Hold } from './sync/hold.js';
export { Lock } from './sync/lock.js';
export { RLock } from './sync/rlock.js';
export { BoundedSemaphore, Semaphore, type SemaphoreOptions } from './sync/semaphore.js';
