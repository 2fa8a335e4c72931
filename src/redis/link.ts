/** Link: the connections of one context to its server, the names of its keys, and the calls of its scripts. */
import { randomBytes } from 'node:crypto';
import { ClosedError } from '../errors.js';
import { checkName } from '../shared/names.js';
import { clearTimeout, setTimeout } from '../timing.js';
import type { RedisClient } from './client.js';
import { RedisError, redisError } from './errors.js';
import type { Argument, Script } from './script.js';

/** Waiting of {@link Link.run}. */
export interface RunOptions {
  /** Waits for the server without a limit, for waits that have none. */
  patient?: boolean;
  /** Gets the reply if it came after the call had failed for its time. */
  late?: ((reply: unknown) => unknown) | undefined;
}

/** Milliseconds after which results that the server keeps for a resent command are dropped. */
const acknowledgeMs = 1000;

/** Unused connections for blocking commands that are kept. */
const maxIdle = 4;

/**
 * The connections of a context. Commands share one; each blocking command has one of its own while it blocks.
 *
 * A key is `prefix:{kind:name}:v1:part`: all keys of an object lie in one hash slot, and programs of a version with other keys
 * never read them.
 */
export class Link {
  /** Identifies this context among the clients of the server. */
  readonly client: string = randomBytes(9).toString('base64url');
  readonly #blocking = new Set<RedisClient>();
  readonly #idle: RedisClient[] = [];
  readonly #acks = new Map<string, string[]>();
  readonly #closing = new Set<() => unknown>();
  #ackTimer: NodeJS.Timeout | undefined;
  #count = 0;
  #closed = false;

  /**
   * @param commands the shared connection for commands that do not block
   * @param answerMs how long a command that has no time-out of its own waits for the server
   */
  constructor(
    readonly commands: RedisClient,
    readonly prefix: string,
    readonly answerMs: number,
    private readonly connectBlocking: () => RedisClient,
  ) {}

  get closed(): boolean {
    return this.#closed;
  }

  /** The name of a key. */
  key(kind: string, name: string, part: string): string {
    return `${this.prefix}:{${kind}:${checkName(name)}}:v1:${part}`;
  }

  /** A new id, unique among all clients. */
  id(): string {
    return `${this.client}.${(++this.#count).toString(36)}`;
  }

  /** Calls `undo` when the context is closed. Returns the function that forgets it. */
  onClose(undo: () => unknown): () => void {
    this.#closing.add(undo);
    return () => this.#closing.delete(undo);
  }

  /** Runs a command on the shared connection; the reply's strings are Buffers. */
  async command(what: string, name: string, ...args: Argument[]): Promise<unknown> {
    this.checkOpen();
    return this.#answer(what, this.commands.callBuffer(name, ...args));
  }

  /**
   * Runs a script; the reply's strings are Buffers.
   */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    { patient = false, late }: RunOptions = {},
  ): Promise<unknown> {
    this.checkOpen();
    if (!script.once) return this.#answer(script.title, script.evaluate(this.commands, keys, args), patient, late);
    const ops = keys[0] as string;
    const id = this.id();
    const acks = this.#acks.get(ops)?.splice(0, 100) ?? [];
    const reply = script.evaluate(this.commands, keys, [id, acks.length, ...acks, ...args]);
    void reply.then(
      () => this.#acknowledge(ops, [id]),
      () => this.#acknowledge(ops, acks),
    );
    return this.#answer(script.title, reply, patient, late);
  }

  /**
   * Runs a blocking command on a connection of its own.
   *
   * @param signal gives the connection up at once; what the command took by then is lost
   * @returns what `act` returns; `undefined` if the connection broke or was given up
   */
  async blocking<T>(act: (client: RedisClient) => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
    this.checkOpen();
    const client = this.#idle.pop() ?? this.connectBlocking();
    this.#blocking.add(client);
    const giveUp = () => client.disconnect();
    signal?.addEventListener('abort', giveUp);
    try {
      return await act(client);
    } catch (error) {
      client.disconnect();
      if (isReply(error)) throw redisError(error, 'a blocking wait');
      return undefined;
    } finally {
      signal?.removeEventListener('abort', giveUp);
      this.#blocking.delete(client);
      if (client.status === 'ready' && !this.#closed && this.#idle.length < maxIdle) this.#idle.push(client);
      else client.disconnect();
    }
  }

  /** Ends all connections. Waits that are pending fail with ClosedError. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    for (const undo of this.#closing) await undo();
    this.#closing.clear();
    clearTimeout(this.#ackTimer);
    if (this.commands.status === 'ready') await this.#flush().catch(() => undefined);
    this.#closed = true;
    for (const client of [...this.#blocking, ...this.#idle, this.commands]) client.disconnect();
  }

  /** Makes a connection, which the caller ends. */
  connection(): RedisClient {
    this.checkOpen();
    return this.connectBlocking();
  }

  checkOpen(): void {
    if (this.#closed) throw new ClosedError('The Redis context is closed: connect() makes another one');
  }

  async #answer(
    what: string,
    reply: Promise<unknown>,
    patient = false,
    late?: (reply: unknown) => unknown,
  ): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    try {
      if (patient) return await reply;
      return await Promise.race([
        reply,
        new Promise((_, reject) => {
          timer = setTimeout(() => {
            if (late !== undefined) reply.then(late, () => undefined);
            reject(this.#silence(what));
          }, this.answerMs);
        }),
      ]);
    } catch (error) {
      if (this.#closed) throw new ClosedError('The Redis context was closed meanwhile');
      throw redisError(error, what);
    } finally {
      clearTimeout(timer);
      reply.catch(() => undefined);
    }
  }

  #silence(what: string): RedisError {
    return new RedisError(
      `Redis did not answer within ${this.answerMs} ms for ${what}, which may still take effect: look at the server and the ` +
        'network, or give connect() a longer "answerTimeout"',
    );
  }

  #acknowledge(ops: string, ids: readonly string[]): void {
    if (ids.length === 0 || this.#closed) return;
    const known = this.#acks.get(ops);
    if (known === undefined) this.#acks.set(ops, [...ids]);
    else known.push(...ids);
    if (this.#ackTimer !== undefined) return;
    this.#ackTimer = setTimeout(() => {
      this.#ackTimer = undefined;
      void this.#flush().catch(() => undefined);
    }, acknowledgeMs);
    this.#ackTimer.unref();
  }

  async #flush(): Promise<void> {
    const all = [...this.#acks];
    this.#acks.clear();
    await Promise.all(
      all.filter(([, ids]) => ids.length > 0).map(([ops, ids]) => this.commands.callBuffer('HDEL', ops, ...ids)),
    );
  }
}

/** Whether the server said it, not the connection. */
function isReply(error: unknown): boolean {
  return (error as Error | undefined)?.name === 'ReplyError';
}
