/** The end of a thread closes its connections and listeners, however it ends: the other side is not left waiting. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Client, EOFError, Listener } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';

t.setTimeout(60_000);
leaveNothing(t);

for (const how of ['return', 'terminate']) {
  t.test(`a thread that ends by ${how}`, async (t) => {
    const listener = new Listener(['127.0.0.1', 0]);
    t.teardown(() => listener.close());
    const worker = new Worker(new URL('../programs/thread-client.js', import.meta.url), {
      workerData: { plain: listener.address, how },
    });
    const [ready, ended] = [once(worker, 'message'), once(worker, 'exit')];
    const connection = await listener.accept();
    const address = (await connection.recv()) as [string, number];
    await ready;
    if (how === 'terminate') void worker.terminate();
    await ended;
    await t.rejects(connection.recv(), EOFError);
    await t.rejects(Client(address), { code: 'ECONNREFUSED' });
    connection.close();
  });
}
