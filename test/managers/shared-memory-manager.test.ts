/** SharedMemoryManager: what is made through it vanishes with it, however it ends. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { inspect } from 'node:util';
import { deserialize, ShareableList, SharedMemory, SharedMemoryManager, serialize, sweep } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { pythons } from '../harness/pythons.js';

t.before(() => leaveNothing(t));

const name = 'shared-memory-manager';

t.test('memory and lists are there from start to shutdown, for whoever knows their names', async (t) => {
  const manager = new SharedMemoryManager();
  t.throws(() => manager.SharedMemory(32), { name: 'ValueError' });
  t.throws(() => manager.ShareableList([1]), { name: 'ValueError' });
  await t.rejects(manager.shutdown(), { name: 'ValueError' });
  t.equal(manager.address, undefined);
  t.equal(inspect(manager), '<SharedMemoryManager initial>');
  await manager.start();
  t.equal(inspect(manager), `<SharedMemoryManager address='${manager.address}' started>`);
  await t.rejects(manager.start(), { name: 'ProcessError' });
  await t.rejects(manager.connect(), { name: 'ProcessError' });

  const memory = manager.SharedMemory(32);
  const list = manager.ShareableList([1, 'two', null, 0.5, true]);
  for (const made of [memory, list]) t.match(made.name, /^psm_[0-9a-f]{8}/);
  for (const size of [0, -1]) t.throws(() => manager.SharedMemory(size), { name: 'ValueError' });
  t.throws(() => manager.SharedMemory('1' as never), TypeError);
  t.throws(() => manager.ShareableList([{}] as never), TypeError);
  const other = program(t, 'memory');
  t.equal(await other.ask({ name: memory.name, text: 'howdy' }), '\0\0\0\0\0');
  t.equal(await other.ask({ handle: serialize(memory), text: 'HELLO' }), 'howdy');
  other.send('end');
  await other.ended;
  const opened = ShareableList.open(list.name);
  t.equal(opened.length, 5);
  t.strictSame(sweep(), [], 'a manager that lives keeps what is its own');

  const handle = serialize(memory);
  await manager.shutdown();
  await manager.shutdown();
  for (const { name } of [memory, list]) t.throws(() => SharedMemory.open(name), { code: 'ENOENT' });
  t.throws(() => deserialize(handle), { code: 'ENOENT' });
  t.equal(Buffer.from(memory.bytes.subarray(0, 5)).toString(), 'HELLO', 'who has it open keeps it');
  t.equal(opened.at(1), 'two');
  t.throws(() => memory.unlink(), { code: 'ENOENT' });
  t.throws(() => manager.SharedMemory(32), { name: 'ValueError' });
  await t.rejects(manager.start(), { name: 'ProcessError' });
  for (const each of [memory, list, opened]) each.close();
});

t.test('leaving its scope shuts it down, and leaves other managers alone', async (t) => {
  const other = new SharedMemoryManager();
  await other.start();
  const kept = other.SharedMemory(5);
  const manager = new SharedMemoryManager();
  await manager.start();
  const memory = manager.SharedMemory(5);
  await manager[Symbol.asyncDispose]();
  t.throws(() => SharedMemory.open(memory.name), { code: 'ENOENT' });
  SharedMemory.open(kept.name).close();
  await new SharedMemoryManager()[Symbol.asyncDispose]();
  memory.close();
  kept.close();
  await other.shutdown();
});

t.test('after a SIGKILL, whoever comes next removes it all', async (t) => {
  const managing = program(t, name);
  const address = await managing.message<string>();
  const memory = await managing.ask<string>('100');
  const list = await managing.ask<string>('list');
  const open = SharedMemory.open(memory);
  managing.kill();
  await managing.ended;
  t.ok(existsSync(`/dev/shm/${memory}`), 'nobody has come yet');
  const removed = sweep().map(({ file }) => file);
  for (const file of [memory, list]) {
    t.ok(removed.includes(file));
    t.throws(() => SharedMemory.open(file), { code: 'ENOENT' });
  }
  t.equal(open.bytes.length, 100);
  open.close();
  await t.rejects(new SharedMemoryManager({ address }).connect(), { code: 'ENOENT' });

  const another = program(t, name);
  await another.message();
  const left = await another.ask<string>('100');
  another.kill();
  await another.ended;
  const source = `import { SharedMemory } from 'multiproc'; SharedMemory.create({ size: 5 }).close();`;
  const next = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
  t.equal(next.status, 0, next.stderr);
  t.notOk(existsSync(`/dev/shm/${left}`), 'a program that makes memory of its own has come by');
});

t.test('a process that ends without a shutdown leaves nothing', async (t) => {
  const managing = program(t, name);
  await managing.message();
  const memory = await managing.ask<string>('100');
  managing.send('end');
  t.strictSame(await managing.ended, { code: 0, signal: null }, 'a manager keeps no program alive');
  t.notOk(existsSync(`/dev/shm/${memory}`));
});

t.test('it leaves SIGINT as it is', async (t) => {
  const managing = program(t, name);
  await managing.message();
  managing.kill('SIGINT');
  t.strictSame(await managing.ended, { code: null, signal: 'SIGINT' });
  sweep();
});

t.test('who connects makes memory that belongs to the manager', async (t) => {
  const manager = new SharedMemoryManager();
  await manager.start();
  const address = manager.address as string;
  const client = program(t, name, { args: [address] });
  t.equal(await client.message(), address);
  const memory = await client.ask<string>('100');
  const second = program(t, name, { args: [address] });
  await second.message();
  const list = await second.ask<string>('list');
  second.send('end');
  await second.ended;
  t.strictSame([...ShareableListOnce(list)], [1, 'two'], 'it outlives who made it');

  const connected = new SharedMemoryManager({ address });
  await connected.connect();
  await t.rejects(connected.shutdown(), { name: 'ValueError' });
  await connected[Symbol.asyncDispose]();
  SharedMemory.open(memory).close();
  await manager.shutdown();
  for (const file of [memory, list]) t.throws(() => SharedMemory.open(file), { code: 'ENOENT' });
  t.equal(await client.ask('100'), 'SystemError ENOENT');
  t.strictSame(
    readdirSync('/dev/shm').filter((file) => file.includes(address)),
    [],
  );
  await t.rejects(new SharedMemoryManager().connect(), { name: 'ValueError' });
  await t.rejects(new SharedMemoryManager({ address }).start(), { name: 'ValueError' });
  for (const wrong of ['', '../etc', 5, 'x'.repeat(16)]) {
    t.throws(() => new SharedMemoryManager({ address: wrong as never }), TypeError);
  }
  t.throws(() => new SharedMemoryManager(5 as never), TypeError);
});

function* ShareableListOnce(file: string): Generator<unknown> {
  const list = ShareableList.open(file);
  yield* list;
  list.close();
}

t.test('a forked child neither ends the manager nor keeps it alive', async (t) => {
  const managing = program(t, name, { execArgv: ['--single-threaded'] });
  await managing.message();
  const memory = await managing.ask<string>('100');
  const child = await managing.ask<number>('fork');
  t.teardown(() => process.kill(child, 'SIGKILL'));
  t.equal(await managing.line(), `child ${child} ValueError`);
  sweep();
  t.ok(existsSync(`/dev/shm/${memory}`));
  process.kill(managing.pid, 'SIGKILL');
  while (managing.child.signalCode === null) await new Promise((resolve) => managing.child.once('exit', resolve));
  t.ok(sweep().some(({ file }) => file === memory));
});

for (const { file, version } of pythons()) {
  t.test(`CPython ${version} attaches by name`, async (t) => {
    const manager = new SharedMemoryManager();
    await manager.start();
    const list = manager.ShareableList([1, 'two']);
    const source = `
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import ShareableList
list = ShareableList(name='${list.name}')
list[0] = 5
resource_tracker.unregister('/' + list.shm.name, 'shared_memory')
list.shm.close()`;
    const { status, stderr } = spawnSync(file, ['-c', source], { encoding: 'utf8' });
    t.equal(status, 0, stderr);
    t.equal(list.at(0), 5);
    list.close();
    await manager.shutdown();
  });
}
