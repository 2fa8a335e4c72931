/** RedisContext: the classes of this package, bound to one server. */
import { MultiprocError } from '../errors.js';
import type { MapKey } from '../map/keys.js';
import type { NameOptions } from '../shared/block.js';
import type { TypeName, Written } from '../shared/types.js';
import { RedisEvent } from './event.js';
import { RedisJoinableQueue, type RedisJoinableQueueOptions } from './joinable-queue.js';
import type { Link } from './link.js';
import { RedisLock, type RedisLockOptions } from './lock.js';
import { RedisPool, type RedisPoolOptions } from './pool/pool.js';
import { RedisQueue, RedisSimpleQueue } from './queue.js';
import { RedisRLock } from './rlock.js';
import { RedisSemaphore, type RedisSemaphoreOptions } from './semaphore.js';
import { RedisSharedMap, type RedisSharedMapOptions } from './shared-map.js';
import { RedisValue, type RedisValueOptions } from './value.js';

/** @internal What all objects of a context share beside its link. */
export interface ContextSettings {
  readonly lease: number;
}

const links = new WeakMap<RedisContext, Link>();

/**
 * The context that `connect` returns: the package's classes, whose objects live on the server. Objects of a class with the same name, in
 * contexts with the same server and prefix, are the same object, on whichever machine.
 */
export class RedisContext {
  /** As `Lock` of the package. */
  readonly Lock: new (
    options: RedisLockOptions,
  ) => RedisLock;
  /** As `RLock` of the package. */
  readonly RLock: new (
    options: RedisLockOptions,
  ) => RedisRLock;
  /** As `Semaphore` of the package. */
  readonly Semaphore: new (
    value: number | undefined,
    options: RedisSemaphoreOptions,
  ) => RedisSemaphore;
  /** As `BoundedSemaphore` of the package. */
  readonly BoundedSemaphore: new (
    value: number | undefined,
    options: RedisSemaphoreOptions,
  ) => RedisSemaphore;
  /** As `Event` of the package. */
  readonly Event: new (
    options: NameOptions & { name: string },
  ) => RedisEvent;
  /** As `Value` of the package, for the scalar types. */
  readonly Value: new <T extends TypeName, N extends boolean = false>(
    type: T,
    initial: Written<T> | undefined,
    options: RedisValueOptions & { numbers?: N },
  ) => RedisValue<T, N>;
  /** As `Queue` of the package. */
  readonly Queue: new <T = unknown>(
    maxsize: number | undefined,
    options: NameOptions & { name: string },
  ) => RedisQueue<T>;
  /** As `JoinableQueue` of the package; `deadLetter` is not an option. */
  readonly JoinableQueue: new <T = unknown>(
    maxsize: number | undefined,
    options: RedisJoinableQueueOptions,
  ) => RedisJoinableQueue<T>;
  /** As `SharedMap` of the package, without eviction. */
  readonly SharedMap: new <K extends MapKey = MapKey, V = unknown>(
    options: RedisSharedMapOptions,
  ) => RedisSharedMap<K, V>;
  /** As `SimpleQueue` of the package. */
  readonly SimpleQueue: new <T = unknown>(
    options: NameOptions & { name: string },
  ) => RedisSimpleQueue<T>;
  /** As `Pool` of the package, with `multiproc work` on any machine as its workers. */
  readonly Pool: new (
    options: RedisPoolOptions,
  ) => RedisPool;

  /** @internal */
  constructor(link: Link, { lease }: ContextSettings) {
    links.set(this, link);
    this.Pool = class Pool extends RedisPool {
      constructor(options: RedisPoolOptions) {
        super(link, options, lease);
      }
    };
    this.Lock = class Lock extends RedisLock {
      constructor(options: RedisLockOptions) {
        super(link, 'Lock', options, lease);
      }
    };
    this.RLock = class RLock extends RedisRLock {
      constructor(options: RedisLockOptions) {
        super(link, 'RLock', options, lease);
      }
    };
    this.Semaphore = class Semaphore extends RedisSemaphore {
      constructor(value: number | undefined, options: RedisSemaphoreOptions) {
        super(link, 'Semaphore', value ?? 1, options, lease);
      }
    };
    this.BoundedSemaphore = class BoundedSemaphore extends RedisSemaphore {
      constructor(value: number | undefined, options: RedisSemaphoreOptions) {
        super(link, 'BoundedSemaphore', value ?? 1, options, lease);
      }
    };
    this.Event = class Event extends RedisEvent {
      constructor(options: NameOptions) {
        super(link, 'Event', options);
      }
    };
    this.Value = class Value<T extends TypeName, N extends boolean = false> extends RedisValue<T, N> {
      constructor(type: T, initial: Written<T> | undefined, options: RedisValueOptions & { numbers?: N }) {
        super(link, 'Value', type, initial, options);
      }
    };
    this.Queue = class Queue<T = unknown> extends RedisQueue<T> {
      constructor(maxsize: number | undefined, options: NameOptions) {
        super(link, 'Queue', maxsize ?? 0, options);
      }
    };
    this.JoinableQueue = class JoinableQueue<T = unknown> extends RedisJoinableQueue<T> {
      constructor(maxsize: number | undefined, options: RedisJoinableQueueOptions) {
        super(link, 'JoinableQueue', maxsize ?? 0, options, lease);
      }
    };
    this.SharedMap = class SharedMap<K extends MapKey = MapKey, V = unknown> extends RedisSharedMap<K, V> {
      constructor(options: RedisSharedMapOptions) {
        super(link, 'SharedMap', options, lease);
      }
    };
    this.SimpleQueue = class SimpleQueue<T = unknown> extends RedisSimpleQueue<T> {
      constructor(options: NameOptions) {
        super(link, 'SimpleQueue', options);
      }
    };
  }

  /** Throws: a notified waiter that dies before it has the lock again cannot be told from a slow one within the lease. */
  get Condition(): never {
    throw new MultiprocError(
      'A Redis context has no Condition: a notification that a dying waiter takes along would be lost until its lease ends. ' +
        'Use an Event, a Queue or a Semaphore',
      { code: 'ERR_MULTIPROC_REDIS' },
    );
  }

  /** Ends the connections. Locks that are held here are released first; what waits is rejected with ClosedError. Idempotent. */
  async close(): Promise<void> {
    await redisOf(this).close();
  }

  /** As {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * The link of a context: its shared connection for commands, connections for blocking commands, names of keys, scripts, errors.
 *
 * @internal
 */
export function redisOf(context: RedisContext): Link {
  return links.get(context) as Link;
}
