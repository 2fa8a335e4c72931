// A rate limit for several HTTP servers in processes of their own: the count is in shared memory, not in a server.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Event, isMainProcess, Process, Queue, Struct, Value } from 'multiproc';

const perWindow = 20;
const windowMs = 60_000;

export const Window = Struct({ start: 'd', count: 'i' });
const current = new Value(Window, { start: Date.now(), count: 0 });

export async function serve(window: typeof current, ports: Queue<number>, stop: Event): Promise<void> {
  const server = createServer((_request, response) => {
    // The lock protects two fields: a server that is killed between them leaves a half-changed struct, and the next one is told.
    const { count } = window.updateSync((now, state) => {
      if (state.ownerDied) state.markConsistent();
      if (state.ownerDied || Date.now() - now.start >= windowMs) {
        now.start = Date.now();
        now.count = 0;
      }
      now.count++;
    });
    response.writeHead(count <= perWindow ? 200 : 429).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await ports.put((server.address() as AddressInfo).port);
  await stop.wait();
  server.close();
  server.closeAllConnections();
}

if (isMainProcess) {
  const ports = new Queue<number>();
  const stop = new Event();
  const servers = [1, 2, 3].map(() => new Process({ target: serve, args: [current, ports, stop] }));
  for (const server of servers) server.start();
  const open = [await ports.get(), await ports.get(), await ports.get()];

  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => (await fetch(`http://127.0.0.1:${open[i % 3]}/`)).status),
  );
  const counted = [200, 429].map((status) => answers.filter((each) => each === status).length);
  console.log('served', counted[0], 'refused', counted[1]); // → served 20 refused 40

  stop.set();
  for (const server of servers) await server.join();
}
