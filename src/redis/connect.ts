/** `connect`: makes a context whose objects live on a Redis server. */
import { describe } from '../options/describe.js';
import { checkedBy, milliseconds, positiveInteger, text } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { printable } from '../printable.js';
import { clearTimeout, setTimeout } from '../timing.js';
import type { RedisClient } from './client.js';
import { RedisContext } from './context.js';
import { RedisError } from './errors.js';
import { Link } from './link.js';

/** Options of {@link connect}. */
export interface ConnectOptions {
  /** First part of all keys; programs with the same prefix share their objects. Default: `'multiproc'`. */
  prefix?: string | undefined;
  /** Milliseconds after which a server that cannot be reached is an error of `connect`. Default: 10,000. */
  connectTimeout?: number | undefined;
  /** Milliseconds that a call without a time-out of its own waits for an answer. Default: 10,000. */
  answerTimeout?: number | undefined;
  /**
   * Milliseconds after which a lock whose holder renews it no more is another's. The holder renews it three times in this
   * time. Default: 30,000.
   */
  lease?: number | undefined;
}

const connectOptions = new OptionTable<ConnectOptions>({
  prefix: checkedBy<string>((value, name) => {
    text.check(value, name);
    if (/^[A-Za-z0-9._:-]{1,100}$/.test(value as string)) return;
    throw new TypeError(
      `Expected "${name}" to be 1 to 100 letters, digits, dots, colons, underscores or hyphens, got ${describe(value)}`,
    );
  }),
  connectTimeout: milliseconds,
  answerTimeout: milliseconds,
  lease: positiveInteger,
});

type RedisConstructor = new (url: string, options: Record<string, unknown>) => RedisClient;

/**
 * Connects to a Redis or Valkey server (6.2 or later), and returns a context: the classes of this package whose objects live there.
 *
 * @param server a URL (`redis://`, `rediss://`, `unix://` or the path of a socket), or a client of ioredis, also for Sentinel and
 *   Cluster; it stays the caller's, and the context has connections of its own with the same options
 * @throws RedisError `ERR_MULTIPROC_REDIS` if ioredis is not installed, or the server cannot be reached in time
 */
export async function connect(server: string | URL | RedisClient, options: ConnectOptions = {}): Promise<RedisContext> {
  connectOptions.check(options, 'connect');
  const { prefix = 'multiproc', connectTimeout = 10_000, answerTimeout = 10_000, lease = 30_000 } = options;
  const { make, shown } = await maker(server);
  const commands = make();
  await ready(commands, connectTimeout, shown);
  const link = new Link(commands, prefix, answerTimeout, make);
  return new RedisContext(link, { lease });
}

async function maker(server: string | URL | RedisClient): Promise<{ make: () => RedisClient; shown: string }> {
  if (typeof server === 'string' || server instanceof URL) {
    const Redis = await loadRedis();
    const url = String(server).replace(/^unix:(\/\/)?/, '');
    if (!/^(rediss?:\/\/|\/)/.test(url)) {
      throw new TypeError(
        `Expected the server to be redis://…, rediss://…, unix://… or the absolute path of a socket, got ${describe(server)}`,
      );
    }
    return { make: () => watched(new Redis(url, ourOptions)), shown: url.replace(/\/\/[^@/]*@/, '//') };
  }
  if (typeof server !== 'object' || server === null || typeof server.duplicate !== 'function') {
    throw new TypeError(`Expected the server to be a URL or a client of ioredis, got ${describe(server)}`);
  }
  const client = server as RedisClient & { duplicate(...args: unknown[]): RedisClient };
  const make = () => watched(client.isCluster ? client.duplicate() : client.duplicate(ourOptions));
  return { make, shown: 'the client of ioredis' };
}

/** Commands wait for a server that restarts, and are sent again; scripts know those that have run already. */
const ourOptions = {
  maxRetriesPerRequest: null,
  lazyConnect: false,
  enableOfflineQueue: true,
  autoResendUnfulfilledCommands: true,
  keyPrefix: '',
  // Replies of the same form from ioredis 5 and 6.
  protocol: 2,
  retryStrategy: (times: number) => Math.min(times * 50, 1000),
};

/** Errors of a connection are those of the commands that wait for it; without a listener ioredis prints them. */
function watched(client: RedisClient): RedisClient {
  client.on('error', () => {});
  return client;
}

async function loadRedis(): Promise<RedisConstructor> {
  let module: { Redis?: RedisConstructor; default?: unknown };
  try {
    module = (await import('ioredis')) as unknown as typeof module;
  } catch (error) {
    throw new RedisError(
      'multiproc/redis needs the package ioredis, which cannot be loaded: npm install ioredis (and bullmq, for Pool)',
      { cause: error },
    );
  }
  return (module.Redis ?? module.default) as RedisConstructor;
}

async function ready(client: RedisClient, ms: number, shown: string): Promise<void> {
  let last: Error | undefined;
  const remember = (error: Error) => {
    last = error;
  };
  client.on('error', remember);
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => {
        const why = last === undefined ? '' : ` (${printable(last.message)})`;
        reject(
          new RedisError(
            `Could not reach ${shown} within ${ms} ms${why}: is the server running, and the address right?`,
            {
              cause: last,
            },
          ),
        );
      }, ms);
      client.call('PING').then(() => resolve(), reject);
    });
  } catch (error) {
    client.disconnect();
    if (error instanceof RedisError) throw error;
    throw new RedisError(`Could not use ${shown}: ${printable((error as Error).message)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    client.off('error', remember);
  }
}
