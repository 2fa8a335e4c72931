/** A producer or consumer in the tests of queues: `put FROM TO`, `get COUNT`, in the given form, then ends. */
import { deserialize, type Queue } from 'multiproc';
import { hangUp, hear, tell } from '../harness/parent.js';

interface Order {
  queue: Uint8Array;
  does: 'put' | 'get' | 'drain';
  form: 'sync' | 'promise' | 'many';
  tag: string;
  count: number;
}

const { queue: bytes, does, form, tag, count } = await hear<Order>();
const queue = deserialize(bytes) as Queue;
await tell('ready');
await hear();
const got: unknown[] = [];

if (does === 'put') {
  const items = Array.from({ length: count }, (_, i) => message(i));
  if (form === 'sync') for (const item of items) queue.putSync(item);
  else if (form === 'promise') for (const item of items) await queue.put(item);
  else for (let i = 0; i < count; i += 50) await queue.putMany(items.slice(i, i + 50));
} else if (does === 'get') {
  while (got.length < count) {
    if (form === 'sync') got.push(queue.getSync());
    else if (form === 'promise') got.push(await queue.get());
    else got.push(...(await queue.getMany(Math.min(20, count - got.length))));
  }
} else {
  for await (const item of queue) got.push(item);
}
queue.close();
await tell(got.map(summary));
hangUp();

/** Every kind of record, small and large, which says who made it and when. */
function message(i: number): unknown {
  const id = `${tag}${i}`;
  switch (i % 6) {
    case 0:
      return id;
    case 1:
      return { id, list: [i, [i]] };
    case 2:
      return Buffer.from(id.padEnd((i * 37) % 5000));
    case 3:
      return `${id}é${'ü'.repeat(i % 50)}`;
    case 4:
      return Object.assign([id], []);
    default:
      return new TextEncoder().encode(id.padEnd(200_000 * Number(i % 300 === 5)));
  }
}

function summary(item: unknown): string {
  if (typeof item === 'string') return /^[a-z]\d+/.exec(item)?.[0] ?? item;
  if (item instanceof Uint8Array) return Buffer.from(item).toString().trim();
  return Array.isArray(item) ? item[0] : (item as { id: string }).id;
}
