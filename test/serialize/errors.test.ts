/** Errors travel whole: class, message, stack, cause and fields; and an error is never lost for what it carries. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import * as multiproc from 'multiproc';
import { deserialize, serialize, TimeoutError, Value } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { HttpError, make, OwnError, Task } from '../programs/shapes.js';

t.before(() => leaveNothing(t));

function travel<T>(value: T): T {
  return deserialize(serialize(value)) as T;
}

function caught(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

t.test('built-in errors come back as they were', async (t) => {
  for (const errorClass of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
    const error = new errorClass('message', { cause: { deep: new Task(1, 2) } });
    const back = travel(error);
    t.equal(Object.getPrototypeOf(back), errorClass.prototype);
    t.equal(Object.prototype.toString.call(back), '[object Error]');
    t.equal(back.message, 'message');
    t.equal(back.stack, error.stack);
    t.ok((back.cause as { deep: unknown }).deep instanceof Task);
    t.strictSame(Object.keys(back), []);
    t.strictSame(Object.getOwnPropertyNames(back).sort(), ['cause', 'message', 'stack']);
  }
  t.notOk(Object.hasOwn(travel(new Error()), 'message'));
});

t.test('own fields stay, enumerable or not', async (t) => {
  const system = caught(() => readFileSync('/nowhere/at/all'));
  t.strictSame({ ...travel(system) }, { ...system });
  t.equal((travel(system) as NodeJS.ErrnoException).code, 'ENOENT');
  const invalid = caught(() => Buffer.from(5 as never));
  const back = travel(invalid) as NodeJS.ErrnoException;
  t.equal(back.code, 'ERR_INVALID_ARG_TYPE');
  t.ok(back instanceof TypeError);
  t.equal(back.message, invalid.message);
  const error = Object.defineProperty(new Error('x'), 'secret', { value: 5 });
  const arrived = travel(error) as Error & { secret: number };
  t.equal(arrived.secret, 5);
  t.notOk(Object.keys(arrived).includes('secret'));
});

t.test('several errors and chains of causes stay, with cycles', async (t) => {
  const error = new AggregateError([new HttpError('a', 404), new TypeError('b'), 'c'], 'all', {
    cause: new Error('why'),
  });
  const back = travel(error);
  t.ok(back instanceof AggregateError);
  t.ok(back.errors[0] instanceof HttpError);
  t.equal(back.errors[0].status, 404);
  t.ok(back.errors[1] instanceof TypeError);
  t.equal(back.errors[2], 'c');
  t.equal((back.cause as Error).message, 'why');
  const [one, two] = [new Error('one'), new Error('two')];
  one.cause = two;
  two.cause = one;
  const first = travel(one);
  t.equal(((first.cause as Error).cause as Error).message, 'one');
  t.equal((first.cause as Error).cause, first);
});

t.test('classes of the user and of ours are theirs again', async (t) => {
  const error = travel(new HttpError('gone', 410, { cause: new TimeoutError() }));
  t.ok(error instanceof HttpError);
  t.equal(error.status, 410);
  t.equal(error.name, 'HttpError');
  t.ok(error.cause instanceof TimeoutError);
  t.equal((error.cause as TimeoutError).code, 'ERR_MULTIPROC_TIMEOUT');
  t.ok(travel(new OwnError('x')) instanceof OwnError);
  for (const [name, value] of Object.entries(multiproc)) {
    if (typeof value !== 'function' || !(value.prototype instanceof Error)) continue;
    const errorClass = value as new (message: string, details: object) => multiproc.MultiprocError;
    const one = new errorClass('message', { code: 'ETEST', errno: 1, syscall: 'x', path: 'p' });
    const back = travel([one])[0] as multiproc.MultiprocError;
    t.equal(back.constructor, errorClass, name);
    t.equal(back.code, one.code);
    t.equal(back.name, name);
  }
});

t.test('without its class an error is one of the nearest ancestor that can be had, under its name', async (t) => {
  const unknown = travel(make.unknown()) as HttpError;
  t.equal(unknown.constructor, HttpError);
  t.equal(unknown.status, 410);
  const nameless = travel(make.nameless());
  t.equal(nameless.constructor, RangeError);
  t.equal(nameless.name, 'Nameless');
  t.equal(nameless.message, 'odd');
  t.ok(travel(runInNewContext('new TypeError("other realm")')) instanceof TypeError);
  const aborted = travel(AbortSignal.abort().reason);
  t.ok(aborted instanceof DOMException);
  t.equal(aborted.name, 'AbortError');
  t.equal(travel(Object.create(Error.prototype, { message: { value: 'thin' } })).message, 'thin');
});

t.test('a receiver without the class gets the error all the same', async (t) => {
  const bytes = serialize(new HttpError('gone', 410));
  const text = bytes.toString('latin1').replace('shapes.js', 'absent.js');
  const back = deserialize(Buffer.from(text, 'latin1')) as Error & { status: number };
  t.equal(back.constructor, Error);
  t.equal(back.name, 'HttpError');
  t.equal(back.message, 'gone');
  t.equal(back.status, 410);
});

t.test('fields that cannot travel are left out; causes are told in words', async (t) => {
  const closed = new Value('i');
  closed.close();
  const shared = { callback: () => 1 };
  const error = Object.assign(new Error('x', { cause: () => 'because' }), {
    request: { send() {}, deep: { shared } },
    closed,
    symbol: Symbol('s'),
    fine: { n: 1 },
    live: new Value('i', 7),
    get broken() {
      return 1;
    },
  });
  Object.defineProperty(error, 'broken', {
    enumerable: true,
    get() {
      throw new Error('no');
    },
  });
  const back = travel(error) as unknown as Record<string, unknown>;
  t.strictSame(Object.keys(back).sort(), ['fine', 'live', 'request']);
  t.strictSame(back.request, { deep: { shared: {} } });
  t.strictSame(back.fine, { n: 1 });
  t.equal((back.live as Value<'i'>).value, 7);
  t.match(back.cause, /because/);
  const all = travel(new AggregateError([new Error('a'), () => 5, make.secret()], 'all'));
  t.equal(all.errors.length, 3);
  t.equal(all.errors[0].message, 'a');
  t.match(all.errors[1], /5/);
  t.throws(
    () => serialize([error, shared], 'args'),
    { message: /^args\[1\]\.callback is / },
    'an attempt leaves nothing',
  );
  t.throws(() => serialize({ error, list: [{ callback() {} }] }), { message: /^value\.list\[0\]\.callback is / });
});

t.test('a field with an array that is nearly all holes costs its elements, not its length', (t) => {
  const holes: unknown[] = [];
  holes[7] = () => 1;
  holes[2 ** 32 - 2] = 'last';
  // By length it would take minutes.
  const arrived = deserialize(serialize(Object.assign(new Error('x'), { holes }))) as { holes: unknown[] };
  t.equal(arrived.holes.length, 2 ** 32 - 1);
  t.equal(arrived.holes[2 ** 32 - 2], 'last');
  t.equal(arrived.holes[7], undefined);
  t.end();
});

t.test('of a field that cannot travel whole, the parts that can do', (t) => {
  class Headers {
    readonly parse = () => this.toJSON();
    toJSON() {
      return { accept: 'text/plain' };
    }
  }
  const error = Object.assign(new Error('Request failed'), {
    response: { status: 404, data: { list: [1, () => 2, 3] }, headers: new Headers(), request: Promise.resolve() } as {
      [name: string]: unknown;
    },
    config: new Map<string, unknown>([
      ['url', '/x'],
      ['validate', () => true],
    ]),
    tags: new Set([1, () => 2]),
    deep: { a: { b: { c: [{ d: 1, e: Symbol('e') }] } } },
    later: () => {},
  });
  const { response } = error;
  response.self = response;
  response.error = error;
  const arrived = deserialize(serialize(error)) as typeof error;
  t.match(arrived.response, { status: 404, data: { list: [1, undefined, 3] }, headers: { accept: 'text/plain' } });
  t.equal(arrived.response.self, arrived.response);
  t.equal(arrived.response.error, arrived);
  t.notOk('request' in arrived.response);
  t.same([...arrived.config], [['url', '/x']]);
  t.same([...arrived.tags], [1]);
  t.same(arrived.deep, { a: { b: { c: [{ d: 1 }] } } });
  t.notOk('later' in arrived);
  const caused = deserialize(serialize(new Error('x', { cause: { code: 5, retry() {} } }))) as Error;
  t.same(caused.cause, { code: 5 });
  t.end();
});
