// What the package exports is listed in api.ts, as contexts carry it, too.
export * from './api.js';
export { type Context, getContext } from './context.js';
