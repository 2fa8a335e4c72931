// listener.js COUNT [silent|half|dripping]: clients with the key connect one after the other, beside COUNT that never prove it.
import { once } from 'node:events';
import { connect } from 'node:net';
import { Client, Listener, Process, parentProcess } from 'multiproc';
import { quantile } from '../harness/statistics.js';

const authkey = 'measured';

/** The process of the listener: accepts until a message comes. */
export async function serve(end) {
  const listener = new Listener(['127.0.0.1', 0], { authkey });
  await end.send(listener.address);
  const stop = end.recv();
  const accept = async () => {
    for (;;) (await listener.accept()).close();
  };
  accept().catch(() => undefined);
  await stop;
  listener.close();
}

if (parentProcess() === null) {
  const { Pipe } = await import('multiproc');
  const count = Number(process.argv[2]);
  const [end, other] = Pipe();
  const child = new Process({ target: serve, args: [other] });
  await child.start();
  const address = await end.recv();
  const crowd = [];
  for (let i = 0; i < count; i++) {
    const socket = connect({ host: address[0], port: address[1] }).on('error', () => undefined);
    await once(socket, 'connect');
    if (process.argv[3] === 'half') socket.write(Buffer.from([0, 0, 0, 40, 1, 2]));
    crowd.push(socket);
  }
  const timer =
    process.argv[3] === 'dripping' ? setInterval(() => crowd.forEach((s) => void s.write('\0')), 1000) : undefined;
  const waits = [];
  for (let i = 0; i < 50; i++) {
    const start = performance.now();
    const client = await Client(address, { authkey });
    waits.push(performance.now() - start);
    client.close();
  }
  clearInterval(timer);
  for (const socket of crowd) socket.destroy();
  await end.send('stop');
  await child.join();
  console.log(JSON.stringify({ ms: quantile(waits, 0.5), p99: quantile(waits, 0.99) }));
}
