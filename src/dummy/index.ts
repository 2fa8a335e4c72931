// The names of multiproc, where processes are threads: what is not named here is the very same.
export * from '../api.js';
export { ThreadPool as Pool } from '../pool/thread-pool.js';
export type { ThreadMethod as StartMethod } from '../threads/method.js';
export { activeChildren, Process } from '../threads/process.js';
export {
  type Context,
  getAllStartMethods,
  getContext,
  getStartMethod,
  setStartMethod,
  warmUp,
} from './context.js';
