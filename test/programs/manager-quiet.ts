/** A program that ends while a call of it waits that does not keep it alive, and that nobody looks after. */
import { isMainProcess, Manager } from 'multiproc';

if (isMainProcess) {
  const manager = await Manager();
  const queue = await manager.Queue();
  void queue.get({ ref: false });
  await queue.qsize();
}
