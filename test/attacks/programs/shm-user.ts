/** Uses every part of the package that needs /dev/shm, or with `listen` a socket folder, and prints what came of it. */
import { Listener, Lock, Manager, Pool, SharedMemory, SharedMemoryManager, sweep } from 'multiproc';

async function tried(use: () => unknown): Promise<unknown> {
  try {
    await use();
    return 'works';
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { code, message };
  }
}

if (process.argv[2] === 'listen') {
  try {
    const listener = new Listener();
    console.log(JSON.stringify(listener.address));
    listener.close();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    console.log(JSON.stringify({ code, message }));
  }
} else {
  const found = {
    lock: await tried(() => {
      const lock = new Lock({ name: `shm-user-${process.pid}` });
      lock.unlink();
    }),
    memory: await tried(() => {
      const memory = SharedMemory.create({ size: 4096 });
      memory.close();
      memory.unlink();
    }),
    pool: await tried(async () => {
      const pool = new Pool(1);
      await pool.terminate();
    }),
    manager: await tried(async () => {
      const manager = new SharedMemoryManager();
      await manager.start();
      manager.SharedMemory(64).close();
      await manager.shutdown();
    }),
    server: await tried(async () => {
      const manager = await Manager();
      await manager.shutdown();
    }),
    sweep: await tried(sweep),
  };
  console.log(JSON.stringify(found));
}
