/** A program of root that becomes another user after it has loaded the package: says which of its parts work then. */
import { Lock, list, Manager, Pool, Process, Queue } from 'multiproc';
import { userOf } from './user-of.js';

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

interface Request {
  readonly how: string;
  readonly uid: number;
  readonly name: string;
  readonly usedBefore: boolean;
}

process.on('message', async (request: Request | 'end') => {
  if (request === 'end') process.exit();
  const { how, uid, name, usedBefore } = request;
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
