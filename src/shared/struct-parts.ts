/** What fields that are structs or fixed arrays read as: windows of their own on the same memory. */
import type { Opener } from './struct-class.js';
import type { Part, StructLayout } from './struct-layout.js';
import type { Views } from './struct-views.js';
import type { Elements, ScalarType } from './types.js';

/** Makes the window on a part that lies so many bytes after the start of the memory. */
type PartOpener = (views: Views, at: number) => object;

/** @param nested how to open nested structs */
export function partOpener(part: Part, nested: (layout: StructLayout) => Opener): PartOpener {
  if (part.kind === 'struct') {
    const open = nested(part.layout);
    const { alignment } = part;
    return (views, at) => open(views, at / alignment);
  }
  const { element, length } = part as Part & { kind: 'array' };
  if (element.kind !== 'scalar') {
    const open = partOpener(element, nested);
    return (views, at) => Object.freeze(Array.from({ length }, (_, i) => open(views, at + i * element.size)));
  }
  const { scalar } = element;
  if (scalar.code === 'c') return (views, at) => Buffer.from(views.buffer, at, length);
  if (scalar.family !== 'converted') return (views, at) => new scalar.elements(views.buffer, at, length);
  return (views, at) => converting(scalar, new scalar.elements(views.buffer, at, length));
}

/** A fixed array of booleans or code points: an array whose elements are converted as they are read and written. */
function converting(type: ScalarType, view: Elements): object {
  const cells = view as Uint32Array;
  return new Proxy(new Array(view.length).fill(undefined), {
    get(target, key) {
      const index = typeof key === 'string' ? Number(key) : Number.NaN;
      const raw = Number.isInteger(index) ? cells[index] : undefined;
      return raw === undefined ? Reflect.get(target, key) : type.decode(raw);
    },
    set(_, key, value) {
      const index = typeof key === 'string' ? Number(key) : Number.NaN;
      if (!(index >= 0 && index < cells.length)) throw new TypeError('A fixed array has no such element');
      cells[index] = type.encode(value) as number;
      return true;
    },
  });
}
