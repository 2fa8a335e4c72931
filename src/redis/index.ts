/** `multiproc/redis`: the classes of this package for more than one machine, over a Redis or Valkey server. */
export type { RedisClient } from './client.js';
export { type ConnectOptions, connect } from './connect.js';
export { RedisContext } from './context.js';
export { RedisError } from './errors.js';
