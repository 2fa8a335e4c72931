/** A thread with connections that it does not close: it ends at once, or stays until it is terminated. */
import { parentPort, workerData } from 'node:worker_threads';
import { Client, Listener, SyncManager } from 'multiproc';

const { manager: address, plain, how } = workerData;
const kept: unknown[] = [];
if (address !== undefined) {
  const manager = new SyncManager({ address, authkey: 'key' });
  await manager.connect();
  const lock = await manager.Lock();
  await lock.acquire();
  kept.push(manager, lock);
}
if (plain !== undefined) {
  const connection = await Client(plain);
  const listener = new Listener(['127.0.0.1', 0]);
  await connection.send(listener.address);
  kept.push(connection, listener);
}
parentPort?.postMessage('ready');
if (how === 'terminate') setInterval(() => kept.length, 1000);
