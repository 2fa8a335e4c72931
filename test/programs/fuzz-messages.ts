/** Deserialises damaged messages: `fuzz-messages SEED ROUNDS`. Each must give a value or an error, and cost no memory. */
import { deserialize, Lock, MultiprocError, SharedArray, Struct, serialize, Value } from 'multiproc';
import { tell } from '../harness/parent.js';
import { Bag, Cached, HttpError, make, Special, Task, Temperature } from './shapes.js';

// Not public. Nothing but the module of the shapes may be loaded, whatever a damaged message names.
const internals = await import(new URL('internals.js', import.meta.resolve('multiproc')).href);
const { permitModules, prepare, discard } = internals;
const shapes = new URL('shapes.js', import.meta.url).href;
permitModules((url: string) => url === shapes);

const [seed = 1, rounds = 1000] = process.argv.slice(2).map(Number);
const most = 512 * 2 ** 20;

/** xorshift: the same seed gives the same messages. */
let state = seed * 2_654_435_761 || 1;
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

const lock = new Lock();
const value = new Value('i', 5, { lock });
const array = new SharedArray('d', [1, 2]);
const point = new Value(Struct({ x: 'd', y: ['i', 4] }), { x: 1, y: [1, 2, 3, 4] });
const task = new Task(1, 2);
task.note = { task, map: new Map([[task, new Set([task])]]) };

const originals = [
  undefined,
  5,
  'text',
  'half \ud83d',
  12345678901234567890n,
  Buffer.from('bytes'),
  { a: [1, 2.5, { b: 'c' }], d: new Date(5), r: /x/g, m: new Map([[1, new Float64Array(3)]]), s: new Set(['x']) },
  compactGraph(),
  Array.from({ length: 20 }, (_, i) => ({ id: i, name: `n${i}`, ['__proto__']: -i, sub: { x: i / 3, y: 'é' } })),
  Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`k${i}`, i])),
  [lock, value, { array, point }],
  Task,
  [Task, Bag, make.secret === undefined],
  task,
  [new Special(1, 2), new Bag([['k', value]]), new Cached()],
  [new Temperature(5, new Temperature(6, task)), new Uint16Array(9)],
  new HttpError('message', 404, { cause: new AggregateError([new TypeError('t'), make.unknown()], 'all') }),
  { error: AbortSignal.abort().reason },
];

function compactGraph(): unknown {
  const graph: Record<string, unknown> = {
    when: new Date(5),
    big: 5n,
    bytes: Buffer.from('b'),
    view: new Uint16Array(2),
  };
  graph.itself = graph;
  graph.map = new Map<unknown, unknown>([[graph, new Set([1, 'half \ud83d', graph.map])]]);
  return graph;
}

const interesting = [
  0, 1, 0x7f, 0x80, 0xff, 12, 13, 14, 15, 64, 65, 66, 0x8b, 0x8c, 0x8e, 0x90, 0x91, 0x92, 0x93, 0xa5, 0xc3,
];

function damage(message: Buffer, others: readonly Buffer[]): Buffer {
  let bytes = Buffer.from(message);
  for (let left = 1 + random(4); left > 0 && bytes.length > 0; left--) {
    const at = random(bytes.length);
    const length = 1 + random(8);
    switch (random(8)) {
      case 0:
        bytes[at] = (bytes[at] as number) ^ (1 << random(8));
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        bytes[at] = interesting[random(interesting.length)] as number;
        break;
      case 3:
        bytes = bytes.subarray(0, at);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
        break;
      case 6:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(length, 0xff), bytes.subarray(at)]);
        break;
      default: {
        const other = others[random(others.length)] as Buffer;
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(random(other.length))]);
      }
    }
  }
  return bytes;
}

function close(object: unknown, seen = new Set<unknown>()): void {
  if (typeof object !== 'object' || object === null || seen.has(object) || seen.size > 1000) return;
  seen.add(object);
  if (object instanceof Lock || object instanceof SharedArray || object instanceof Value) {
    (object as { close(): void }).close();
    return;
  }
  if (ArrayBuffer.isView(object)) return;
  if (object instanceof Map) for (const entry of object.entries()) close(entry, seen);
  if (object instanceof Set) for (const entry of object) close(entry, seen);
  for (const key of Object.keys(object).slice(0, 1000)) close((object as Record<string, unknown>)[key], seen);
}

const messages = originals.map((original) => serialize(original));
const counts: Record<string, number> = {};
let highest = 0;
for (let round = 0; round < rounds; round++) {
  const bytes = damage(messages[random(messages.length)] as Buffer, messages);
  let outcome = 'value';
  try {
    if (round % 16 === 0) await prepare(bytes);
    if (round % 16 === 1) discard(bytes);
    else close(deserialize(bytes));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    outcome = error instanceof MultiprocError ? error.code : error.name;
  }
  counts[outcome] = (counts[outcome] ?? 0) + 1;
  if (round % 1000 === 0) highest = Math.max(highest, process.memoryUsage.rss());
}
if (highest > most) throw new Error(`The memory grew to ${highest} bytes`);
// The originals are as they were.
if (task.sum !== 3 || Object.getPrototypeOf(Task.prototype) !== Object.prototype)
  throw new Error('a class was changed');
for (const object of [value, array, point, lock]) object.close();
await tell({ counts, highest });
process.disconnect();
