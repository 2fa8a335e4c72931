/** The victim: makes shared objects of every sort and says what came of it. */
import { Lock, list, Process, Queue, SharedMemory, SharedMemoryManager, sweep, Value } from 'multiproc';

async function everything(): Promise<string> {
  const lock = new Lock({ name: `attacked-${process.pid}` });
  lock.acquireSync();
  lock.release();
  lock.unlink();
  lock.close();
  const value = new Value('i', 7);
  const queue = new Queue();
  const memory = SharedMemory.create({ size: 4096 });
  const manager = new SharedMemoryManager();
  await manager.start();
  manager.SharedMemory(64).close();
  await manager.shutdown();
  sweep();
  list();
  memory.close();
  value.close();
  queue.close();
  return Process.name;
}

process.on('message', () => {
  everything().then(
    () => process.send?.('made'),
    (error) => process.send?.(`failed: ${error.stack}`),
  );
});
process.on('disconnect', () => process.exit());
