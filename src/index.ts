// The exports of the package are listed in api.ts, as contexts have them, too.
export * from './api.js';
export { type Context, getContext } from './context.js';
