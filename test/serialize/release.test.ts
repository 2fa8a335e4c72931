// What travels in a message that its receiver took and could not finish is released at once: the other end of a pipe reads
// EOF, and memory is freed.
import { readdirSync } from 'node:fs';
import {
  Client,
  type Connection,
  deserialize,
  getContext,
  isMainProcess,
  JoinableQueue,
  Listener,
  Manager,
  Pipe,
  Pool,
  Process,
  type ProcessOptions,
  Queue,
  SharedArray,
  SimpleQueue,
  serialize,
  ThreadPool,
  Value,
} from 'multiproc';
import { Process as Thread } from 'multiproc/dummy';
import t, { type Test } from 'tap';

import { until } from '../harness/until.js';
import { count, Deadly, Unmakeable } from '../programs/release-targets.js';

if (isMainProcess) {
  t.setTimeout(120_000);
  const unread = { timeout: 30_000 };
  const anonymous = () => readdirSync('/dev/shm').filter((file) => /^multiproc-\d+-\d+\./.test(file)).length;
  const beside = (name: string) => ({ module: new URL(`../programs/${name}.js`, import.meta.url), export: 'x' });

  /** Gives the writing end of a pipe and an array away, keeps neither, and looks whether they are released. */
  const released = async (t: Test, name: string, give: (...shared: object[]) => Promise<unknown>) => {
    const [reader, writer] = Pipe(false);
    const array = new SharedArray('d', 10_000);
    const before = anonymous();
    await t.rejects(give(writer, array), `${name}: the receiver fails`);
    writer.close();
    array.close();
    await t.rejects(reader.recv(unread), { name: 'EOFError' }, `${name}: the pipe has ended`);
    reader.close();
    await until(`${name}: the memory is freed`, () => anonymous() <= before);
  };

  const places: Record<string, (options: ProcessOptions) => Process> = {
    spawn: (options) => new Process({ ...options, context: 'spawn' }),
    forkserver: (options) => new Process({ ...options, context: 'forkserver' }),
    thread: (options) => new Thread(options),
  };
  const failures: Record<string, { target: ProcessOptions['target']; more?: object[]; ends?: boolean }> = {
    'a module that is missing': { target: { module: new URL('file:///nowhere.mjs'), export: 'x' } },
    'an export that is missing': { target: beside('release-targets') },
    'a module that throws': { target: beside('release-throws') },
    'an argument that cannot be made': { target: count, more: [new Unmakeable()] },
    'a module that ends the process': { target: beside('release-dies'), ends: true },
    'an argument that ends the process': { target: count, more: [new Deadly()], ends: true },
  };
  for (const [place, make] of Object.entries(places)) {
    t.test(`arguments of a child that does not come to its target: ${place}`, async (t) => {
      for (const [name, { target, more = [], ends }] of Object.entries(failures)) {
        if (ends === true && place === 'thread') continue;
        await released(t, name, async (...shared) => {
          // First what fails: nothing of the rest may depend on it.
          const child = make({ target, args: [...more, ...shared], stdio: 'ignore' });
          child.start();
          await child.join();
          child.close();
          throw new Error(`exit code ${child.exitCode}`);
        });
      }
    });
  }

  t.test('arguments of a child that cannot be started, or that cannot all travel', async (t) => {
    await released(t, 'no executable', async (...shared) => {
      const context = getContext('spawn');
      context.setExecutable('/nowhere');
      try {
        new context.Process({ target: count, args: shared }).start();
      } finally {
        context.setExecutable(process.execPath);
      }
    });
    await released(t, 'an argument that cannot travel', async (...shared) => {
      new Process({ target: count, args: [...shared, () => {}] }).start();
    });
    await released(t, 'a pool whose workers cannot be started', async (...shared) => {
      new Pool(1, { context: 'fork', initializer: count, initargs: shared, execArgv: ['--no-such-option'] });
    });
  });

  t.test('arguments of tasks and initializers', async (t) => {
    for (const PoolClass of [Pool, ThreadPool]) {
      const pool = new PoolClass(1);
      await pool.run(count);
      for (const [name, { target, more = [], ends }] of Object.entries(failures)) {
        if (ends === true && PoolClass === ThreadPool) continue;
        await released(t, name, (...shared) => pool.apply(target as typeof count, [...more, ...shared]));
      }
      pool.terminate();
      await pool.join();
      await released(t, 'an initializer', async (...shared) => {
        const initializer = { module: new URL('file:///nowhere.mjs'), export: 'x' };
        const pool = new PoolClass(1, { initializer, initargs: shared });
        try {
          await pool.run(count);
        } finally {
          pool.terminate();
          await pool.join();
        }
      });
    }
  });

  t.test('messages', async (t) => {
    const message = (shared: object[]) => [new Unmakeable(), ...shared];
    await released(t, 'deserialize', async (...shared) => deserialize(serialize(message(shared))));
    await released(t, 'modules that may not be loaded', async (...shared) =>
      deserialize(serialize(message(shared)), { modules: [] }),
    );
    await released(t, 'an object that is gone', async (...shared) => {
      const gone = new Value('i', 0, { name: `release-${process.pid}` });
      const bytes = serialize([gone, ...shared]);
      gone.unlink();
      gone.close();
      deserialize(bytes);
    });
    for (const QueueClass of [Queue, SimpleQueue, JoinableQueue]) {
      const queue = new QueueClass();
      await released(t, `${QueueClass.name}.get`, async (...shared) => {
        await queue.put(message(shared));
        await queue.get();
      });
      await released(t, `${QueueClass.name}.getSync`, async (...shared) => {
        await queue.put(message(shared));
        queue.getSync();
      });
      queue.close();
    }
    const overPipe = Pipe();
    const listener = new Listener(undefined, { authkey: 'key' });
    const overSocket = await Promise.all([Client(listener.address, { authkey: 'key' }), listener.accept()]);
    for (const [one, other] of [overPipe, overSocket] as [Connection, Connection][]) {
      await released(t, 'recv', async (...shared) => {
        await one.send(message(shared));
        await other.recv(unread);
      });
      one.close();
      other.close();
    }
    listener.close();
    const manager = await Manager();
    const list = await manager.list();
    await released(t, "a manager's argument", (...shared) => list.append(message(shared)));
    await manager.shutdown();
  });
}
