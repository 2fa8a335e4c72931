/** The ArrayBufferView classes that travel, and their restoration from bytes. */
import { Buffer } from 'node:buffer';
import { damaged } from './handles.js';
import { ownBuffer } from './received.js';

interface ViewClass {
  readonly name: string;
  readonly prototype: object;
  readonly BYTES_PER_ELEMENT?: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): ArrayBufferView;
}

/** The index of a class in this list is part of the messages' format: new ones go to the end. */
const viewClasses: readonly (ViewClass | undefined)[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView as unknown as ViewClass,
  Buffer as unknown as ViewClass,
  // Since Node 24.
  (globalThis as { Float16Array?: ViewClass }).Float16Array,
];

const indexByPrototype = new Map<object | null, number>();
const indexByName = new Map<string, number>();
for (const [index, viewClass] of viewClasses.entries()) {
  if (viewClass === undefined) continue;
  indexByPrototype.set(viewClass.prototype, index);
  indexByName.set(viewClass.name, index);
}

const bufferPrototype = Buffer.prototype;
/** The index of Buffer. */
export const bufferIndex = indexByPrototype.get(bufferPrototype) as number;

/** The index of the object's class if it is an ordinary view of this realm; else −1. */
export function viewIndex(value: object): number {
  const prototype = Object.getPrototypeOf(value);
  // Most are Buffers, and a look into the map costs as much as the copy of a small one.
  return prototype === bufferPrototype ? bufferIndex : (indexByPrototype.get(prototype) ?? -1);
}

/** The index of the class that the view is of at heart: it may come from another realm, or be of a subclass. */
export function heartIndex(view: ArrayBufferView): number {
  const index = indexByPrototype.get(Object.getPrototypeOf(view)) ?? indexByName.get(heartName(view));
  if (index === undefined) throw new TypeError(`A ${heartName(view)} cannot travel`);
  return index;
}

/** The bytes that the view shows. */
export function bytesOfView(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** A view of the class, over a copy of the bytes. */
export function makeView(index: number, bytes: Uint8Array): ArrayBufferView {
  const viewClass = viewClasses[index];
  if (viewClass === undefined) throw damaged(`no class of this Node has the view index ${index}`);
  const size = viewClass.BYTES_PER_ELEMENT ?? 1;
  if (bytes.length % size !== 0) throw damaged(`${bytes.length} bytes are no ${viewClass.name}`);
  const copy = ownBuffer(bytes.length);
  copy.set(bytes);
  const { buffer } = copy as Uint8Array<ArrayBuffer>;
  if (index === bufferIndex) return copy;
  return new viewClass(buffer, 0, bytes.length / size);
}

const typedArrayName = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
  ?.get as () => string | undefined;

function heartName(view: ArrayBufferView): string {
  return typedArrayName.call(view as never) ?? 'DataView';
}
