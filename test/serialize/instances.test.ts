/** Instances of exported classes arrive as their fields under their class. */
import { EventEmitter } from 'node:events';
import { deserialize, Lock, register, serialize, Value } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import {
  Bag,
  Broken,
  Bytes,
  Cached,
  Moment,
  make,
  Names,
  Special,
  Stack,
  Task,
  Temperature,
} from '../programs/shapes.js';

t.before(() => leaveNothing(t));

function travel<T>(value: T): T {
  return deserialize(serialize(value)) as T;
}

t.test('an instance has its fields, its methods and its class', async (t) => {
  const task = travel(new Task(2, 3));
  t.equal(Object.getPrototypeOf(task), Task.prototype);
  t.equal(task.sum, 5);
  t.strictSame(Object.keys(task), ['a', 'b']);
  t.throws(() => task.hidden(), TypeError, 'private fields do not travel');
  const special = travel({ list: [new Special(1, 2)] }).list[0] as Special;
  t.ok(special instanceof Special && special instanceof Task);
  t.equal(special.kind, 'special');
});

t.test('cycles and identities stay, also between instances and containers', async (t) => {
  const [one, two] = [new Task(1, 2), new Special(3, 4)];
  one.note = { two, itself: one, map: new Map([[one, two]]) };
  two.note = one;
  const [first, second, again] = travel([one, two, one]) as [Task, Special, Task];
  t.equal(first, again);
  t.equal(second.note, first);
  const note = first.note as { two: unknown; itself: unknown; map: Map<unknown, unknown> };
  t.equal(note.itself, first);
  t.equal(note.two, second);
  t.equal(note.map.get(first), second);
  t.ok(first instanceof Task && second instanceof Special);
});

t.test('subclasses of Map, Set, Array, Date and typed arrays keep their content and their fields', async (t) => {
  const bag = travel(new Bag([['k', new Task(1, 2)]]));
  t.ok(bag instanceof Bag);
  t.equal(bag.total(), 1);
  t.equal(bag.label, 'bag');
  t.ok(bag.get('k') instanceof Task);
  const stack = travel(Stack.of(1, 2, 3) as Stack);
  t.ok(stack instanceof Stack);
  t.equal(stack.top(), 3);
  t.equal(stack.length, 3);
  const names = travel(new Names(['x']));
  t.ok(names instanceof Names && names.has('x'));
  const moment = travel(new Moment(5));
  t.ok(moment instanceof Moment);
  t.equal(moment.getTime(), 5);
  t.equal(moment.zone, 'UTC');
  const bytes = travel(new Bytes([7, 8]));
  t.ok(bytes instanceof Bytes);
  t.equal(bytes.first(), 7);
});

t.test('a class may make its own data, and its instances from data', async (t) => {
  const [warm, cold] = travel([new Temperature(20), new Temperature(-5, new Task(1, 2))]) as [Temperature, Temperature];
  t.ok(warm instanceof Temperature);
  t.equal(warm.celsius, 20);
  t.equal(cold.celsius, -5);
  t.equal((cold.inner as Task).sum, 3, 'what is in the data has its class by then');
  const twice = new Temperature(1);
  const [a, b] = travel([twice, { twice }]) as [Temperature, { twice: Temperature }];
  t.equal(a, b.twice);
  const cached = travel(new Cached());
  t.ok(cached instanceof Cached);
  t.strictSame({ ...cached }, { key: 'k' });
  t.throws(() => travel([new Broken()]), { name: 'RangeError', message: 'not today' });
  let deep: unknown = new Temperature(0);
  for (let i = 0; i < 90; i++) deep = new Temperature(i, [deep]);
  t.equal((travel(deep) as Temperature).celsius, 89);
  for (let i = 0; i < 20; i++) deep = new Temperature(i, [deep]);
  t.throws(() => serialize(deep), RangeError);
  const inner: unknown[] = [];
  const round = new Temperature(0, inner);
  inner.push(round);
  t.throws(() => serialize(round, 'args'), {
    name: 'TypeError',
    message: /^args.*\.inner\[0\] is in the data of itself/,
  });
});

t.test('objects of ours travel inside of instances', async (t) => {
  const task = new Task(1, 2);
  const value = new Value('i', 5);
  task.note = { value, temperature: new Temperature(1, value) };
  const note = travel(task).note as { value: Value<'i'>; temperature: Temperature };
  note.value.add(1);
  t.equal(value.value, 6);
  t.equal(note.temperature.inner, note.value);
});

t.test('what is more than its fields is refused, with its path', async (t) => {
  class Local {}
  class Emitter extends EventEmitter {}
  const emitter = new Emitter();
  emitter.on('x', () => undefined);
  class MyLock extends Lock {}
  const lock = new MyLock();
  t.ok(deserialize(serialize([lock])), 'but a shared object is a handle, whatever its class');
  for (const [value, message] of [
    [new Local(), /^value\[0\] is an instance of Local, .*plain object/],
    [make.secret(), /instance of Secret/],
    [new URL('http://x'), /instance of URL, .* toJSON\(\)/],
    [new AbortController(), /AbortController/],
    [new WeakRef({}), /WeakRef/],
    [Object.create({ own: 1 }), /a prototype of its own/],
    [new (class extends URL {})('http://x'), /which extends URL/],
    [new Emitter(), /instance of Emitter/],
  ] as const) {
    t.throws(() => serialize([value]), { name: 'TypeError', message });
  }
  const closed = new Value('i');
  closed.close();
  const task = new Task(1, 2);
  task.note = closed;
  t.throws(() => serialize(task), { code: 'ERR_MULTIPROC_CLOSED' });
  register('instances.Local', Local);
  t.ok(travel(new Local()) instanceof Local, 'a registered class');
});

t.test('an instance arrives in another process, whose module is not loaded there yet', async (t) => {
  const url = new URL('../programs/shapes.js', import.meta.url).href;
  const receiver = program(t, 'travel');
  const answer = await receiver.ask({ url, path: [], bytes: serialize(new Task(20, 22)), tell: 'sum' });
  t.equal(answer, 42);
});
