/** A program of root that becomes another user after it has loaded the package: says which of its parts work then. */
import { getContext, Lock, list, Manager, Pool, Process, Queue } from 'multiproc';
import { endWorker, userOf } from './user-of.js';

const changes: Record<string, (uid: number) => void> = {
  setuid: (uid) => process.setuid?.(uid),
  seteuid: (uid) => process.seteuid?.(uid),
  'setgid, setgroups and setuid': (uid) => {
    process.setgroups?.([]);
    process.setgid?.(uid);
    process.setuid?.(uid);
  },
};

const parts: Record<string, (name: string) => unknown> = {
  lock: (name) => {
    const lock = new Lock({ name });
    return lock.acquireSync({ timeout: 0 });
  },
  start: async () => {
    const queue = new Queue<string>();
    const child = new Process({ target: userOf, args: [queue] });
    child.start();
    const user = await queue.get({ timeout: 20_000 });
    await child.join();
    queue.close();
    return user;
  },
  pool: async () => {
    const pool = new Pool(1);
    const user = await pool.apply(userOf, []);
    pool.close();
    await pool.join();
    return user;
  },
  manager: async () => {
    const manager = await Manager();
    const dict = await manager.dict({ a: 1 });
    const one = await dict.get('a');
    await manager.shutdown();
    return one;
  },
  list: (name) => list(name).length,
};

/** A pool from before the change that loses a worker after it: what becomes of the next task, and of the pool. */
async function replaceWorker(how: string, uid: number, method: 'spawn' | 'forkserver'): Promise<string[]> {
  const pool = new Pool(1, { context: getContext(method) });
  const told = [await pool.apply(userOf, [])];
  changes[how]?.(uid);
  const outcome = (promise: Promise<unknown>) =>
    promise.then(String, (error) => `${error.name}: ${error.message} ${error.code ?? ''}`);
  told.push(await outcome(pool.apply(endWorker, [])));
  told.push(await outcome(pool.apply(userOf, [])));
  pool.terminate();
  told.push(await outcome(pool.join()));
  return told;
}

interface Request {
  readonly how: string;
  readonly uid: number;
  readonly name: string;
  readonly usedBefore: boolean;
  /** Of the processes of a pool: what is told is about that. */
  readonly poolMethod?: 'spawn' | 'forkserver';
}

process.on('message', async (request: Request | 'end') => {
  if (request === 'end') process.exit();
  const { how, uid, name, usedBefore, poolMethod } = request;
  if (poolMethod !== undefined) {
    process.send?.(await replaceWorker(how, uid, poolMethod));
    return;
  }
  if (usedBefore) new Lock().close();
  changes[how]?.(uid);
  const found: Record<string, unknown> = {};
  for (const [part, use] of Object.entries(parts)) {
    try {
      found[part] = await use(name);
    } catch (error) {
      found[part] = (error as NodeJS.ErrnoException).code ?? String(error);
    }
  }
  process.send?.(found);
});
