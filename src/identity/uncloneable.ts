/** Objects that are no data: they refuse structured clones, and say in JSON what they are. */
import { markCopy } from './copies.js';

const advice =
  'It is no data. It travels in the arguments of processes and tasks, through queues and pipes, or as the bytes of serialize()';

// A structured clone refuses an object that has a function, and quotes the function. Node's `markAsUncloneable` exists
// from Node 22.10 on, and has no effect on v8.serialize and the messages of child_process.
const guard = () =>
  'Objects of multiproc travel in args, through Queue and Pipe, or as bytes of serialize(): this object';

/** The own property that makes structured clones fail. */
export const guardName = 'cannotBeCloned';

/** To be called by the constructor: `structuredClone`, `postMessage`, `workerData` and `v8.serialize` refuse the object. */
export function refuseClones(object: object): void {
  (object as Record<string, unknown>)[guardName] = guard;
}

/** Completes a class of this package, or several: its objects say what they are, and which copy of the package they are of. */
export function isNoData(...classes: readonly { readonly prototype: object }[]): void {
  for (const { prototype } of classes) {
    markCopy(prototype);
    // Structs are data, and have one of their own.
    if ('toJSON' in prototype) continue;
    Object.defineProperty(prototype, 'toJSON', { value: describeInJson, writable: true, configurable: true });
  }
}

function describeInJson(this: { readonly name?: unknown }): object {
  const { name } = this;
  return { multiproc: this.constructor.name, name: typeof name === 'string' ? name : undefined, advice };
}
