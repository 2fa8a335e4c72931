/**
 * The class of a struct: its objects are windows on memory, with the fields as accessors.
 *
 * Its source is written out for each layout, with the places of the fields as constants. Accessors made by closures would
 * share what V8 learns about them between all structs, and be slow in programs that have more than a few.
 */
import { inspect } from 'node:util';
import { compileFunction } from 'node:vm';
import { assign, assignPart, plainFields, shownFields } from './struct-copy.js';
import { type Field, layouts, type StructLayout } from './struct-layout.js';
import { partOpener } from './struct-parts.js';
import { Views } from './struct-views.js';

/** A struct, in whatever memory. */
export interface Instance {
  toJSON(): Record<string, unknown>;
}

/** The class that users see: it makes structs in ordinary memory. */
export type InstanceClass = new (initial?: unknown) => Instance;

/** Makes the window on a struct that starts at `at`, in units of its alignment. */
export type Opener = (views: Views, at: number) => Instance;

/** The class of windows, and how to make one that does not stay without allocating it. */
interface Windows {
  readonly Window: new (views: Views, at: number) => Instance;
  readonly open: Opener;
}

/** By the class that users see. */
const windows = new WeakMap<object, Windows>();

/** A new class for the layout. */
export function classOf(layout: StructLayout): InstanceClass {
  const compiled = compile(layout);
  const { Window } = compiled;
  const struct = function Struct(initial?: unknown): Instance {
    if (new.target === undefined) throw new TypeError("Class constructor Struct cannot be invoked without 'new'");
    const views = new Views(new ArrayBuffer(layout.size), layout, layout.size);
    const made = Reflect.construct(Window, [views, 0], new.target);
    if (initial !== undefined) assign(made, initial);
    return made;
  } as unknown as InstanceClass;
  const offsets = Object.freeze(Object.fromEntries(layout.fields.map(({ name, offset }) => [name, offset])));
  Object.defineProperties(struct, {
    size: { value: layout.size },
    offsets: { value: offsets },
    // Windows are instances of the class that users see.
    prototype: { value: Window.prototype, writable: false },
  });
  Object.defineProperty(struct.prototype, 'constructor', { value: struct });
  for (const { name } of layout.fields) Object.defineProperty(struct.prototype, name, { enumerable: true });
  layouts.set(struct, layout);
  windows.set(struct, compiled);
  return struct;
}

/** How to make windows that are instances of the class: one that `Struct` made, or a subclass of one. */
export function openerOf(struct: InstanceClass): Opener {
  const own = windows.get(struct);
  if (own !== undefined) return own.open;
  let base = Object.getPrototypeOf(struct);
  while (!windows.has(base)) base = Object.getPrototypeOf(base);
  const { Window } = windows.get(base) as Windows;
  return (views, at) => Reflect.construct(Window, [views, at], struct);
}

/** Classes that were made for what others described; not too many. */
const arrived = new Map<string, InstanceClass>();
const mostArrived = 256;

/** The class for a layout that came by memory: the same one each time, mostly. */
export function arrivedClass(layout: StructLayout): InstanceClass {
  let struct = arrived.get(layout.text);
  if (struct === undefined) {
    struct = classOf(layout);
    if (arrived.size >= mostArrived) arrived.clear();
    arrived.set(layout.text, struct);
  }
  return struct;
}

/** The constructor of windows does no more than it must: an object that is handed to anybody is allocated. */
function compile(layout: StructLayout): Windows {
  const { fields, alignment } = layout;
  const parts = fields.map(({ part }) => (part.kind === 'scalar' ? undefined : partOpener(part, nestedOpener)));
  // Who names a field cannot add to the source: names are identifiers, whoever wrote the layout.
  const source = `
    class Struct {
      #views;
      #at;
      ${fields.map((_, i) => (parts[i] === undefined ? '' : `#part${i};`)).join('')}
      constructor(views, at) {
        this.#views = views;
        this.#at = at;
      }
      ${fields.map((field, i) => accessors(field, i, alignment)).join('')}
      toJSON() {
        return plainFields(this);
      }
      [inspect]() {
        return shownFields(this);
      }
    }
    return { Window: Struct, open: (views, at) => new Struct(views, at) };`;
  const given = {
    plainFields,
    shownFields,
    inspect: inspect.custom,
    encode: fields.map(({ part }) => (part.kind === 'scalar' ? part.scalar.encode : undefined)),
    decode: fields.map(({ part }) => (part.kind === 'scalar' ? part.scalar.decode : undefined)),
    open: parts,
    store: fields.map(
      ({ part }) =>
        (window: object, value: unknown) =>
          assignPart(part, window, value),
    ),
  };
  // Unlike `new Function`, this also works where programs forbid code from strings.
  return compileFunction(source, Object.keys(given), { filename: 'multiproc:struct' })(...Object.values(given));
}

function nestedOpener(layout: StructLayout): Opener {
  return openerOf((layout.declared as InstanceClass | undefined) ?? arrivedClass(layout));
}

/** The view that a type's elements lie in, where it is not the one of the same letter. */
const viewOf: Readonly<Record<string, string>> = { c: 'B', '?': 'B', u: 'I' };

/** When a value can be stored as it is; the others are left to the type, which converts or refuses them. */
const fitting: Readonly<Record<string, string>> = {
  b: "typeof value === 'number' && value << 24 >> 24 === value",
  B: "typeof value === 'number' && (value & 0xff) === value",
  h: "typeof value === 'number' && value << 16 >> 16 === value",
  H: "typeof value === 'number' && (value & 0xffff) === value",
  i: "typeof value === 'number' && (value | 0) === value",
  I: "typeof value === 'number' && value >>> 0 === value",
  f: "typeof value === 'number'",
  d: "typeof value === 'number'",
};

function accessors({ name, offset, part }: Field, i: number, alignment: number): string {
  if (part.kind !== 'scalar') {
    return `
      get "${name}"() {
        return this.#part${i} ??= open[${i}](this.#views.opened(), this.#at * ${alignment} + ${offset});
      }
      set "${name}"(value) {
        this.#views.opened();
        store[${i}](this["${name}"], value);
      }`;
  }
  const { code, size, family } = part.scalar;
  const times = alignment / size;
  const element = `this.#views.${viewOf[code] ?? code}[this.#at${times === 1 ? '' : ` * ${times}`} + ${offset / size}]`;
  return `
      get "${name}"() {
        return ${family === 'converted' ? `decode[${i}](${element})` : element};
      }
      set "${name}"(value) {
        ${element} = ${code in fitting ? `${fitting[code]} ? value : encode[${i}](value)` : `encode[${i}](value)`};
      }`;
}
