/** RedisContext: the classes of this package, bound to one server. */
import type { Link } from './link.js';

/** What all objects of a context share beside its link. */
export interface ContextSettings {
  readonly lease: number;
}

const links = new WeakMap<RedisContext, Link>();

/**
 * The context that `connect` returns. Objects with the same name, in contexts with the same server and prefix, are the same object,
 * on whichever machine.
 */
export class RedisContext {
  /** @internal */
  constructor(
    link: Link,
    readonly settings: ContextSettings,
  ) {
    links.set(this, link);
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
