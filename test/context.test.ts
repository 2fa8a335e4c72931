/** Contexts and start methods: which there are, who has which, and that a choice stands. */
import { pathToFileURL } from 'node:url';
import * as multiproc from 'multiproc';
import t from 'tap';

const { getAllStartMethods, getContext, getStartMethod, Process, ProcessError, setStartMethod, ValueError } = multiproc;
const here = new URL('./programs/process-targets.js', import.meta.url);

t.test('the methods', async (t) => {
  const methods = getAllStartMethods();
  t.ok(methods.includes('spawn'));
  t.ok(methods.every((method) => ['spawn', 'forkserver', 'fork'].includes(method)));
  t.throws(() => new Process({ context: {} as never }), {
    name: 'TypeError',
    message: 'Expected "context" to be a start method, or what getContext returns, got an instance of Object',
  });
  t.throws(() => getContext('threads' as never), { name: 'ValueError', message: "cannot find context for 'threads'" });
});

for (const method of getAllStartMethods()) {
  t.test(`the context of ${method}`, async (t) => {
    const context = getContext(method);
    t.equal(context, getContext(method), 'there is one');
    t.equal(context.getStartMethod(), method);
    t.equal(context.getContext(), context);
    t.equal(context.getContext(null), context);
    t.throws(() => context.setStartMethod('spawn'), ValueError);
    t.throws(() => context.setStartMethod(null), ValueError);
    t.match(context.constructor.name.toLowerCase(), new RegExp(`^${method}context$`));
    t.match(context.Process.name.toLowerCase(), new RegExp(`^${method}process$`));
    t.ok(new context.Process() instanceof Process);
    for (const name of Object.keys(multiproc)) t.ok(name in context, name);
    // Python's arguments by their places.
    t.throws(() => new context.Process(null as never), { message: 'Expected "options" to be an object, got null' });
    t.throws(() => new context.Pool(1, getContext as never), {
      message: 'Expected "options" to be an object, got a function',
    });
    t.throws(() => context.Manager('here' as never), { message: 'Expected "options" to be an object, got "here"' });
    t.equal(context.Lock, multiproc.Lock);
    t.equal(context.TimeoutError, multiproc.TimeoutError);
    await context.warmUp();
  });
}

t.test('asking for the method settles it, and force changes it', async (t) => {
  const first = getStartMethod();
  t.throws(() => setStartMethod('spawn'), { constructor: ProcessError, message: 'context has already been set' });
  t.throws(() => setStartMethod('threads' as never, { force: true }), ValueError);
  for (const method of getAllStartMethods()) {
    setStartMethod(method, { force: true });
    t.equal(getStartMethod(), method);
    t.equal(getContext().getStartMethod(), method);
    if (method === 'fork') continue;
    const child = new Process({ target: { module: here, export: 'look' } });
    child.start();
    t.equal(((await child.result) as { method: string }).method, method);
    await child.join();
  }
  setStartMethod(null, { force: true });
  setStartMethod(first);
  t.equal(getStartMethod(), first);
});

t.test('small functions', async (t) => {
  t.equal(multiproc.freezeSupport(), undefined);
  t.throws(() => multiproc.setExecutable(5 as never), TypeError);
  t.throws(() => multiproc.setForkserverPreload('main' as never), TypeError);
  t.throws(() => multiproc.setForkserverPreload([5 as never]), TypeError);
  multiproc.setForkserverPreload([]);
  const { AuthenticationError, BufferTooShort, TimeoutError } = multiproc;
  for (const errorClass of [AuthenticationError, BufferTooShort, TimeoutError]) {
    t.ok(errorClass.prototype instanceof ProcessError, errorClass.name);
  }
});

t.test('another executable', async (t) => {
  multiproc.setExecutable('/nowhere/node');
  const child = new (getContext('spawn').Process)({ target: { module: here, export: 'nothing' } });
  t.throws(() => child.start(), {
    name: 'ProcessError',
    message: /^\/nowhere\/node cannot run children: ENOENT.*setExecutable/,
  });
  for (const path of [process.execPath, Buffer.from(process.execPath), pathToFileURL(process.execPath)]) {
    multiproc.setExecutable('/nowhere/node');
    multiproc.setExecutable(path);
    const next = new (getContext('spawn').Process)({ target: { module: here, export: 'nothing' } });
    next.start();
    t.equal(await next.exited, 0);
  }
});
