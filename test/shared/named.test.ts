/** Named objects of every class are made once, opened by their name, and gone for those who come when it is removed. */
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  inspect,
  JoinableQueue,
  Lock,
  Queue,
  RawArray,
  RawValue,
  RLock,
  Semaphore,
  SharedArray,
  SimpleQueue,
  Struct,
  Value,
} from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName } from '../harness/remote.js';

leaveNothing(t);

interface Named {
  readonly name: string | undefined;
  unlink(): void;
  close(): void;
}

interface NamedClass {
  new (...args: unknown[]): Named;
  create(...args: unknown[]): Named;
  open(name: string): Named;
  unlink(name: string): void;
}

const Point = Struct({ x: 'd', y: 'i' });

interface Example {
  readonly of: unknown;
  readonly args?: readonly unknown[];
  readonly options?: object;
}

const examples: Record<string, Example> = {
  Lock: { of: Lock },
  RLock: { of: RLock },
  Semaphore: { of: Semaphore, args: [2] },
  'a robust Semaphore': { of: Semaphore, args: [2], options: { robust: true } },
  BoundedSemaphore: { of: BoundedSemaphore, args: [2] },
  Event: { of: Event },
  Condition: { of: Condition, args: [undefined] },
  Barrier: { of: Barrier, args: [2] },
  Value: { of: Value, args: ['i', 1] },
  'a Value of a struct': { of: Value, args: [Point, { x: 1, y: 2 }] },
  RawValue: { of: RawValue, args: ['d', 1] },
  'a RawValue of a struct': { of: RawValue, args: [Point, { x: 1, y: 2 }] },
  SharedArray: { of: SharedArray, args: ['i', 3] },
  'a SharedArray of structs': { of: SharedArray, args: [Point, 3] },
  RawArray: { of: RawArray, args: ['d', [1, 2]] },
  'a RawArray of structs': { of: RawArray, args: [Point, 3] },
  Queue: { of: Queue, args: [3] },
  JoinableQueue: { of: JoinableQueue, args: [3], options: { redeliver: true } },
  SimpleQueue: { of: SimpleQueue },
};

for (const [what, { of, args = [], options = {} }] of Object.entries(examples)) {
  t.test(`${what}: made, opened and removed by its name`, (t) => {
    const made = of as NamedClass;
    const name = freshName(t);
    const named = [...args, { ...options, name }];

    t.throws(() => made.open(name), { code: 'ENOENT' });
    t.throws(() => made.unlink(name), { code: 'ENOENT' });
    const first = made.create(...named);
    t.equal(first.name, name);
    t.throws(() => made.create(...named), { code: 'EEXIST' });
    const opened = [made.open(name), new made(...named)];
    for (const each of opened) t.equal(each.name, name);
    t.equal(inspect(name).name, name);
    t.equal(inspect(name).openers.length, 1);

    made.unlink(name);
    t.throws(() => made.open(name), { code: 'ENOENT' });
    t.throws(() => first.unlink(), { code: 'ENOENT' });
    const second = made.create(...named);
    second.unlink();
    t.throws(() => made.open(name), { code: 'ENOENT' });
    for (const each of [first, second, ...opened]) each.close();

    const anonymous = new made(...args, options);
    t.equal(anonymous.name, undefined);
    anonymous.unlink();
    anonymous.close();
    t.end();
  });
}
