/** A Redis server of a test's own: on a Unix socket in a folder that goes with the test, with an append-only file. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type ConnectOptions, connect, type RedisContext } from 'multiproc/redis';
import type { Scope } from './program.js';

/** For the option `skip` of a test: why it cannot run here, or `false`. */
export const noRedis: string | false =
  spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0
    ? false
    : 'there is no redis-server: apt-get install --no-install-recommends redis-server';

export interface RedisServerOptions {
  /** When the append-only file is written through to the disk. Default: 'always'. */
  fsync?: 'always' | 'everysec' | 'no';
  /** Further arguments of redis-server. */
  args?: string[];
}

export class RedisServer {
  /** For `connect` and `multiproc … --redis`. */
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'multiproc-redis-'));
  readonly #options: RedisServerOptions;
  #child: ChildProcess | undefined;

  private constructor(options: RedisServerOptions) {
    this.#options = options;
    this.url = join(this.#folder, 'redis.sock');
  }

  /** Starts a server, which ends with the test. */
  static async start(t: Scope, options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(options);
    t.teardown(async () => {
      await server.kill();
      rmSync(server.#folder, { recursive: true, force: true });
    });
    await server.start();
    return server;
  }

  get pid(): number {
    return this.#child?.pid as number;
  }

  /** Starts the server over what its append-only file has, and returns once it answers. */
  async start(): Promise<void> {
    const { fsync = 'always', args = [] } = this.#options;
    const settings = ['--port', '0', '--unixsocket', this.url, '--dir', this.#folder, '--save', ''];
    const log = ['--appendonly', 'yes', '--appendfsync', fsync, '--daemonize', 'no', '--loglevel', 'warning'];
    // The test must not wait for the server, which a teardown that never runs would leave behind.
    this.#child = spawn('redis-server', [...settings, ...log, ...args], { stdio: 'ignore' });
    const client = this.client();
    try {
      await client.ping();
    } finally {
      client.disconnect();
    }
  }

  /** Ends the server by its pid. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async restart(signal?: NodeJS.Signals): Promise<void> {
    await this.kill(signal);
    await this.start();
  }

  /** A client for looking at the server, which waits until the server is there. */
  client(): Redis {
    const client = new Redis(this.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    client.on('error', () => {});
    return client;
  }

  /** A context of this server, closed with the test. */
  async connect(t: Scope, options?: ConnectOptions): Promise<RedisContext> {
    const context = await connect(this.url, { connectTimeout: 60_000, answerTimeout: 60_000, ...options });
    t.teardown(() => context.close());
    return context;
  }

  /** All keys, in their order. */
  async keys(): Promise<string[]> {
    const client = this.client();
    try {
      return (await client.keys('*')).sort();
    } finally {
      client.disconnect();
    }
  }
}
