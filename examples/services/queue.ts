// A queue between two programs. The consumer, which works on three messages at a time, is killed again and again, and no message
// is lost: what it had open goes to the next one.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { JoinableQueue, SharedArray } from 'multiproc';

const messages = 300;
const kills = 3;
const [, , role, name = `example.orders.${process.pid}`] = process.argv;

const orders = new JoinableQueue<number>(0, { name, redeliver: true });
const done = new SharedArray('i', messages, { name: `${name}.done` });

if (role === 'consumer') {
  const worker = async () => {
    for await (const order of orders.messages()) {
      await sleep(1);
      Atomics.add(done as Int32Array, order.value, 1); // the work; it may be done twice, but never not at all
      order.done();
    }
  };
  await Promise.all([worker(), worker(), worker()]);
} else {
  await orders.putMany(Array.from({ length: messages }, (_, i) => i));
  orders.end();
  for (let kill = 1; kill <= kills; kill++) {
    const { consumer, ended } = startConsumer();
    while (count() < kill * 50) await sleep(1);
    consumer.kill('SIGKILL');
    await ended;
  }
  const { ended } = startConsumer();
  await orders.join();
  console.log('done', count(), 'of', messages); // → done 300 of 300
  await ended;
  for (const object of [orders, done]) object.unlink();
}

function startConsumer(): { consumer: ChildProcess; ended: Promise<unknown> } {
  const consumer = spawn(process.execPath, [fileURLToPath(import.meta.url), 'consumer', name], { stdio: 'inherit' });
  return { consumer, ended: once(consumer, 'exit') };
}

function count(): number {
  return done.filter((times) => times > 0).length;
}
