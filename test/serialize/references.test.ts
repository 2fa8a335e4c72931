/** Functions and classes travel by reference: what arrives is the very same one, or an error that tells the cure. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { deserialize, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { type Program, program, type Scope } from '../harness/program.js';

t.before(() => leaveNothing(t));

const packageUrl = import.meta.resolve('multiproc');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const stripsTypes = major > 22 || (major === 22 && minor >= 18);

/** Writes modules into a folder of their own, and returns its URL. */
function folder(t: Scope, files: Record<string, string>): URL {
  const path = mkdtempSync(join(tmpdir(), 'multiproc-test-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text.replaceAll("'multiproc'", `'${packageUrl}'`));
  }
  return pathToFileURL(`${path}/`);
}

interface Travel {
  url: URL;
  path: string[];
}

async function sendFrom(sender: Program, { url, path }: Travel): Promise<Uint8Array> {
  const bytes = await sender.ask({ url: url.href, path });
  if (!(bytes instanceof Uint8Array)) throw new Error(`${path.join('.')} of ${url}: ${bytes}`);
  return bytes;
}

function receiveIn(receiver: Program, { url, path }: Travel, bytes: Uint8Array, prepared: boolean): Promise<unknown> {
  return receiver.ask({ url: url.href, path, bytes: Buffer.from(bytes), prepared });
}

t.test('exports of every kind come out as the very same function or class', async (t) => {
  const files = folder(t, {
    'declared.mjs': `
      // export function wrong() {}
      const text = \`export { wrong } \${'}'} \`, expression = /[/]export { wrong }/;
      export function first() {} export function second() {}
      export async function later() {}
      export function* many() {}
      export class Task { static name = 'other'; constructor() {} }
      export class Derived extends Task {}
      export const arrow = () => 1, next = function () {}, named = function another() {};
      export let { inner, deep: [renamed] } = { inner: () => 2, deep: [() => 3] };
      const memo = (fn) => () => fn();
      export const one = memo(first), two = memo(second)
      function local() { return text / 2 / expression }
      class Hidden {}
      export { local as shown, local as again, Hidden as default, Hidden as 'with a space' };`,
    'nameless-function.mjs': 'export default function () {}',
    'nameless-async.mjs': 'export const x = 1; export default async function () {}',
    'nameless-arrow.mjs': 'export default (a, b) => a + b;',
    'nameless-class.mjs': 'export default class { constructor(a) { this.a = a } }',
    'later.mjs': 'const f = () => 1\nexport default f\nexport const z = 1',
    'passing.mjs': "export { first as passed, Task } from './declared.mjs'; export * from './declared.mjs'",
    'common.cjs': `
      exports.fn = function () {};
      exports.Task = class {};
      function local() {}
      exports.renamed = local;`,
    'whole.cjs': 'module.exports = function whole() {}; module.exports.member = () => 1;',
    'object.cjs': 'const f = () => 1; class Task {} module.exports = { f, other: Task };',
    'waits.mjs': 'await null; export const fn = () => 1;',
  });
  const travels: [string, string[]][] = [
    ...[
      'first',
      'second',
      'later',
      'many',
      'Task',
      'Derived',
      'arrow',
      'next',
      'named',
      'inner',
      'renamed',
      'one',
      'two',
    ]
      .concat('shown', 'again', 'default', 'with a space')
      .map((name): [string, string[]] => ['declared.mjs', [name]]),
    ['nameless-function.mjs', ['default']],
    ['nameless-async.mjs', ['default']],
    ['nameless-arrow.mjs', ['default']],
    ['nameless-class.mjs', ['default']],
    ['later.mjs', ['default']],
    ['passing.mjs', ['passed']],
    ['passing.mjs', ['Task']],
    ['passing.mjs', ['second']],
    ['common.cjs', ['fn']],
    ['common.cjs', ['default', 'Task']],
    ['common.cjs', ['renamed']],
    ['whole.cjs', ['default']],
    ['whole.cjs', ['default', 'member']],
    ['object.cjs', ['default', 'f']],
    ['object.cjs', ['default', 'other']],
  ];
  const sender = program(t, 'travel');
  const [plain, prepared] = [program(t, 'travel'), program(t, 'travel')];
  for (const [file, path] of travels) {
    const travel = { url: new URL(file, files), path };
    const bytes = await sendFrom(sender, travel);
    t.equal(await receiveIn(plain, travel, bytes, false), true, `${file} ${path.join('.')}`);
    t.equal(await receiveIn(prepared, travel, bytes, true), true, `${file} ${path.join('.')}, prepared`);
  }
  const waits = { url: new URL('waits.mjs', files), path: ['fn'] };
  const bytes = await sendFrom(sender, waits);
  t.match(await receiveIn(plain, waits, bytes, false), /^TypeError: .*waits\.mjs.* top-level await/);
  t.equal(await receiveIn(plain, waits, bytes, true), true, 'an import can wait');
  t.equal(await receiveIn(plain, waits, bytes, false), true);
});

t.test('no function comes out of a module that has not begun to run', async (t) => {
  const files = folder(t, {
    'waits.mjs': 'const data = 5; await null; export function fn() { return data } export const { length } = fn.name;',
    'imports.mjs': "export * from './waits.mjs'; export function other() {}",
  });
  const sender = program(t, 'travel');
  const waits = { url: new URL('waits.mjs', files), path: ['fn'] };
  const imports = { url: new URL('imports.mjs', files), path: ['other'] };
  const [bytes, first] = [await sendFrom(sender, waits), await sendFrom(sender, imports)];
  const receiver = program(t, 'travel');
  for (const [travel, message] of [
    [imports, first],
    [waits, bytes],
    [waits, bytes],
  ] as const) {
    const refused = { ...travel, url: new URL('data:text/javascript,') };
    t.match(await receiveIn(receiver, refused, message, false), /^TypeError: .* top-level await/);
  }
  t.equal(await receiver.ask({ url: waits.url.href, path: ['length'], tell: 'import' }), 2);
  t.equal(await receiveIn(receiver, waits, bytes, false), true, 'imported by somebody else');
});

t.test('classes and functions of the same name in two modules are not confused', async (t) => {
  const text = 'export class Task {}\nexport function work() {}';
  const files = folder(t, { 'a.mjs': text, 'b.mjs': text });
  const [sender, receiver] = [program(t, 'travel'), program(t, 'travel')];
  for (const name of ['Task', 'work']) {
    const [a, b] = ['a.mjs', 'b.mjs'].map((file) => ({ url: new URL(file, files), path: [name] })) as [Travel, Travel];
    const bytes = await sendFrom(sender, a);
    t.equal(await receiveIn(receiver, a, bytes, false), true);
    t.equal(await receiveIn(receiver, b, bytes, false), false);
  }
});

t.test('a CommonJS module that is loaded again gives its new functions', async (t) => {
  const files = folder(t, { 'common.cjs': 'exports.fn = () => 1; exports.Task = class Task {};' });
  const require = createRequire(import.meta.url);
  const path = fileURLToPath(new URL('common.cjs', files));
  const load = () => {
    const { fn, Task } = require(path);
    const [arrived, task] = deserialize(serialize([fn, new Task()])) as [unknown, unknown];
    t.equal(arrived, fn);
    t.ok(task instanceof Task);
    delete require.cache[path];
  };
  load();
  load();
});

t.test('another function in its place is an error, never that function', async (t) => {
  const files = folder(t, { 'job.mjs': 'export const job = () => 1;' });
  const [sender, receiver] = [program(t, 'travel'), program(t, 'travel')];
  const travel = { url: new URL('job.mjs', files), path: ['job'] };
  const bytes = await sendFrom(sender, travel);
  for (const [text, reason] of [
    ['export const job = (x) => x; '.padStart(60), /another function/],
    ['export const other = () => 1;', /is not exported/],
    ['export const job = 5;', /is not exported/],
    ['throw new Error("broken")', /fails to load: broken/],
  ] as const) {
    writeFileSync(travel.url, text);
    const fresh = program(t, 'travel');
    t.match(await receiveIn(fresh, travel, bytes, false), reason);
    t.match(await receiveIn(fresh, travel, bytes, true), reason);
    t.match(await receiveIn(fresh, travel, bytes, true), /^TypeError: /);
  }
  rmSync(travel.url);
  t.match(await receiveIn(receiver, travel, bytes, false), /^TypeError: .*fails to load/);
});

t.test(
  'TypeScript travels where Node strips types',
  { skip: !stripsTypes && 'this Node runs no TypeScript' },
  async (t) => {
    const files = folder(t, {
      'job.mts': `
      interface Wide { a: number; b: string }
      type Other<T> = T extends string ? 1 : 2;
      export function job<T extends Wide>(wide: T): T { return wide }
      export class Task<T> { value: T; constructor(value: T) { this.value = value } }`,
    });
    const [sender, receiver] = [program(t, 'travel'), program(t, 'travel')];
    for (const name of ['job', 'Task']) {
      const travel = { url: new URL('job.mts', files), path: [name] };
      t.equal(await receiveIn(receiver, travel, await sendFrom(sender, travel), false), true, name);
    }
  },
);

t.test('modules whose lines a loader changes travel, in whichever way they are received', async (t) => {
  const files = folder(t, {
    'loader.mjs': `
      import { readFileSync } from 'node:fs';
      import { fileURLToPath } from 'node:url';
      export async function load(url, context, next) {
        if (!url.endsWith('.odd')) return next(url, context);
        const text = readFileSync(fileURLToPath(url), 'utf8').replace('FUN', 'function ');
        return { format: 'module', shortCircuit: true, source: \`// line\\n// line\\n\\n\${text}\` };
      }`,
    'install.mjs': "import { register } from 'node:module'; register('./loader.mjs', import.meta.url);",
    'job.odd': 'export FUN job() {}',
  });
  const options = { execArgv: ['--import', new URL('install.mjs', files).href] };
  const travel = { url: new URL('job.odd', files), path: ['job'] };
  const bytes = await sendFrom(program(t, 'travel', options), travel);
  t.equal(await receiveIn(program(t, 'travel', options), travel, bytes, true), true);
});

t.test(
  'modules still being evaluated send and receive their own functions, and never wait for themselves',
  async (t) => {
    const main = (first: string) => `
    import { serialize, deserialize } from 'multiproc';
    const { prepare } = await import('${new URL('internals.js', packageUrl)}');
    ${first}
    export function declared() {}
    export class Task { constructor(a) { this.a = a } double() { return 2 * this.a } }
    const local = () => 1;
    export { local as shown };
    export default function () {}
    const send = (message) => new Promise((done) => process.send(message, done));
    const hear = () => new Promise((done) => process.once('message', done));
    const mine = [declared, Task, local, new Task(21)];
    await send(serialize(mine));
    const bytes = await hear();
    if (process.argv[2] === 'prepared') await prepare(bytes);
    const arrived = deserialize(bytes);
    await send([arrived[0] === declared, arrived[1] === Task, arrived[2] === local, arrived[3].double()]);
    process.disconnect();
    export const last = 1;`;
    for (const name of ['awaiting.mjs', 'imported.mjs']) {
      const files = folder(t, {
        'awaiting.mjs': main(''),
        'imported.mjs': "import './awaiting.mjs';",
      });
      for (const arg of ['at once', 'prepared']) {
        const [one, other] = [0, 1].map(() => program(t, new URL(name, files), { args: [arg] })) as [Program, Program];
        const bytes = [await one.message<Buffer>(), await other.message<Buffer>()] as const;
        t.strictSame(await one.ask(bytes[1]), [true, true, true, 42], `${name}, ${arg}`);
        t.strictSame(await other.ask(bytes[0]), [true, true, true, 42]);
        t.strictSame(await one.ended, { code: 0, signal: null });
      }
    }
    const files = folder(t, {
      'main.cjs': `
      const { serialize, deserialize } = require('multiproc');
      function work() {}
      function other() {}
      process.on('message', (bytes) => {
        const arrived = deserialize(bytes);
        process.send([arrived[0] === work, arrived[1] === other], () => process.disconnect());
      });
      process.send(serialize([work, other]));
      exports.work = work;
      module.exports = { work, renamed: other };`.replace(
        "require('multiproc')",
        `require('${new URL(packageUrl).pathname}')`,
      ),
    });
    const [one, other] = [0, 1].map(() => program(t, new URL('main.cjs', files))) as [Program, Program];
    const bytes = await one.message<Buffer>();
    await other.message();
    t.strictSame(await other.ask(bytes), [true, true], 'CommonJS');
  },
);

t.test('registered functions travel under their names, from wherever their module is', async (t) => {
  const files = folder(t, {
    'lib.mjs': `
      import { register } from 'multiproc';
      const memo = (fn) => (x) => fn(x);
      export const fib = register('lib.fib', memo((n) => n));
      class Hidden {}
      register('lib.Hidden', Hidden);
      export const bound = register('lib.bound', fib.bind(null, 1));
      export const get = { Hidden };`,
    'late.mjs': `
      import { register } from 'multiproc';
      export const fn = globalThis.second ? () => 1 : register('late.fn', () => 1);`,
  });
  const [sender, receiver] = [program(t, 'travel'), program(t, 'travel')];
  for (const path of [['fib'], ['bound'], ['get', 'Hidden']]) {
    const travel = { url: new URL('lib.mjs', files), path };
    const bytes = await sendFrom(sender, travel);
    t.equal(await receiveIn(receiver, travel, bytes, false), true, path.join('.'));
  }
  const late = { url: new URL('late.mjs', files), path: ['fn'] };
  const bytes = await sendFrom(sender, late);
  writeFileSync(late.url, 'export const fn = 1');
  t.match(await receiveIn(receiver, late, bytes, false), /^TypeError: .*did not register 'late\.fn'/);
  t.match(await receiveIn(receiver, late, bytes, true), /^TypeError: .*did not register 'late\.fn'/);
});

t.test('a name is registered for one function', async (t) => {
  const files = folder(t, {
    'a.mjs': "import { register } from 'multiproc'; export const fn = register('same', () => 1);",
    'b.mjs': "import { register } from 'multiproc'; export const fn = register('same', () => 2);",
    'c.mjs':
      "import { register } from 'multiproc'; const f = () => 2; register('c', f); export const g = register('c', f);",
    'loop.mjs': "import { register } from 'multiproc'; for (const n of [1, 2]) register('loop', () => n);",
    'common.cjs': `
      const { register } = require('${fileURLToPath(packageUrl)}');
      exports.of = (fn) => register('common', fn);
      exports.fn = exports.of(() => 1);`,
  });
  const { fn } = await import(new URL('a.mjs', files).href);
  t.equal(deserialize(serialize(fn)), fn);
  await t.rejects(import(new URL('b.mjs', files).href), { name: 'ValueError', message: /'same'.*a\.mjs/ });
  const again = await import(new URL('a.mjs?again', files).href);
  t.not(again.fn, fn);
  t.equal(deserialize(serialize(again.fn)), again.fn, 'a module that is loaded again registers its names again');
  await import(new URL('c.mjs', files).href);
  await t.rejects(import(new URL('loop.mjs', files).href), { name: 'ValueError', message: /'loop'.*loop\.mjs/ });
  const require = createRequire(import.meta.url);
  const path = fileURLToPath(new URL('common.cjs', files));
  t.throws(() => require(path).of(() => 2), { name: 'ValueError' }, 'one line that is run twice gives one name once');
  const before = require(path).fn;
  delete require.cache[path];
  t.not(require(path).fn, before);
  t.equal(deserialize(serialize(require(path).fn)), require(path).fn);
  const { register } = await import('multiproc');
  t.throws(() => register('', () => 1), TypeError);
  t.throws(() => register('x', 5 as never), TypeError);
});

t.test('what is no export is refused with its place and the cure', async (t) => {
  const files = folder(t, {
    'local.mjs': `
      export function shown() { return function inner() {} }
      const hidden = () => 1;
      export const all = { hidden, method() {}, inner: shown(), bound: shown.bind(null), made: new Function('return 1') };`,
    'closures.cjs': 'const f = () => () => 1; exports.all = { closure: f() };',
  });
  const { all } = await import(new URL('local.mjs', files).href);
  const { all: common } = await import(new URL('closures.cjs', files).href);
  for (const [fn, what] of [
    [all.hidden, /^args\[0\]\.callback is the function hidden \(line 3 of .*local\.mjs\), .*export it.*register\(/],
    [all.method, /the function method/],
    [all.inner, /the function inner/],
    [all.bound, /the bound function shown, .*register\(/],
    [all.made, /its code lies in no file/],
    [common.closure, /a function without a name/],
    [Math.sqrt, /the built-in function sqrt/],
    [Map, /the built-in function Map/],
    [() => 1, /a function without a name.*references\.test/],
  ] as const) {
    t.throws(() => serialize([{ callback: fn }], 'args'), { name: 'TypeError', message: what });
    t.throws(() => serialize(fn, 'target'), { name: 'TypeError', message: /^target is / });
  }
});

t.test('a message cannot name anything but files', async (t) => {
  for (const url of [
    'data:text/javascript,export default () => 1',
    'node:fs',
    'https://example.org/x.js',
    'fs',
    'file://host/x',
  ]) {
    const text = JSON.stringify([url, 'default', 0, 0, 'default']);
    t.throws(() => deserialize(Buffer.concat([Buffer.from([13]), Buffer.from(text)])), {
      code: 'ERR_MULTIPROC_MESSAGE',
    });
  }
});
