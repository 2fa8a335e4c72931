import { AsyncLocalStorage } from 'node:async_hooks';
import { Barrier, Condition, Finalize, Lock, Pool, ThreadPool } from 'multiproc';
import t from 'tap';
import { ContextManager } from './programs/context-manager.js';
import { square, throwFive } from './programs/pool-targets.js';

// Functions of the user's run in the async context of the call that gave them.

const storage = new AsyncLocalStorage<number>();
const requests = Array.from({ length: 40 }, (_, id) => id);

for (const [name, PoolClass] of Object.entries({ Pool, ThreadPool })) {
  t.test(`callbacks of a ${name} run in the context of their request`, async (t) => {
    const pool = new PoolClass(2);
    t.teardown(() => pool[Symbol.asyncDispose]());
    const seen: Record<string, [number, number | undefined][]> = {};
    const note = (what: string, id: number) => {
      seen[what] ??= [];
      seen[what].push([id, storage.getStore()]);
    };
    const failing = throwFive as (id: number) => never;
    await Promise.all(
      requests.map((id) =>
        storage.run(id, async () => {
          const ended = pool.applyAsync(square, [id], { callback: () => note('callback', id) });
          const failed = pool.applyAsync(failing, [id], { errorCallback: () => note('errorCallback', id) });
          const mapped = pool.mapAsync(square, [id, id], { callback: () => note('callback of mapAsync', id) });
          await pool.map(square, [1, 2, 3], { chunksize: 1, onProgress: () => note('onProgress', id) });
          await ended;
          note('await of an AsyncResult', id);
          await failed.then(
            () => {},
            () => note('rejection', id),
          );
          await mapped;
          const items = (function* () {
            for (let i = 0; i < 30; i++) {
              note('iterable of imap', id);
              yield i;
            }
          })();
          for await (const result of pool.imap(square, items, { buffersize: 4 })) {
            if (result >= 0) note('results of imap', id);
          }
          const later = (async function* () {
            for (let i = 0; i < 10; i++) {
              await new Promise(setImmediate);
              note('async iterable of imapUnordered', id);
              yield i;
            }
          })();
          for await (const _ of pool.imapUnordered(square, later, { buffersize: 2 })) {
            note('results of imapUnordered', id);
          }
        }),
      ),
    );
    t.equal(Object.keys(seen).length, 10);
    for (const [what, pairs] of Object.entries(seen)) {
      t.same(
        pairs.filter(([id, store]) => id !== store),
        [],
        what,
      );
    }
  });
}

t.test('functions given to locks, conditions, barriers and finalizers run in their context', async (t) => {
  const lock = new Lock();
  const condition = new Condition();
  const barrier = new Barrier(2, { action: () => acted.push(storage.getStore()) });
  const acted: unknown[] = [];
  const seen: unknown[] = [];
  await Promise.all(
    requests.map((id) => storage.run(id, () => lock.run(async () => seen.push([id, storage.getStore()])))),
  );
  let turn = false;
  const waiter = storage.run(1, () =>
    condition.run(() =>
      condition.waitFor(() => {
        seen.push([1, storage.getStore()]);
        return turn;
      }),
    ),
  );
  await storage.run(2, () =>
    condition.run(() => {
      turn = true;
      condition.notifyAll();
    }),
  );
  await waiter;
  const finalizers = requests.map((id) =>
    storage.run(id, () => new Finalize(() => seen.push([id, storage.getStore()]), { exitPriority: 1 })),
  );
  storage.run(-1, () => {
    for (const finalizer of finalizers) finalizer.call();
  });
  t.ok(seen.length >= requests.length * 2 + 2);
  for (const [id, store] of seen as [number, number][]) t.equal(store, id);
  const parties = [storage.run(7, () => barrier.wait()), storage.run(8, () => barrier.wait())];
  await Promise.all(parties);
  t.same(acted, [8], 'the action is called by the wait of the last party');
  for (const each of [lock, condition, barrier]) each.close();
});

t.test("what a server's method enters into its context does not reach other calls", async (t) => {
  const manager = new ContextManager();
  await manager.start();
  t.teardown(() => manager.shutdown());
  const contexts = await manager.Contexts();
  t.equal(await contexts.enter('first'), null);
  t.equal(await contexts.enter('second'), null);
  t.same(await Promise.all([contexts.enter('third'), contexts.enter('fourth')]), [null, null]);
});
