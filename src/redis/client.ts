/** The part of an ioredis client that this package uses, so that its types need no ioredis. */

/** A client of ioredis: `Redis` or `Cluster`. */
export interface RedisClient {
  readonly status: string;
  readonly isCluster?: boolean;
  call(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
  callBuffer(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
  duplicate(...args: never[]): RedisClient;
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  // biome-ignore lint/suspicious/noExplicitAny: the events have listeners of different types
  on(event: string, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  off(event: string, listener: (...args: any[]) => void): unknown;
}
