// A service of three cluster workers with one pool and one limit for all of them. SIGTERM stops it gracefully,
// sent to the primary, to the process group, or to every process of the unit: node cluster.js
import cluster from 'node:cluster';
import { createServer, type ServerResponse } from 'node:http';
import { isMainProcess, Pool, Semaphore } from 'multiproc';

const app = process.env.APP ?? 'example.cluster';
/** Less than what the supervisor waits before it sends SIGKILL. */
const graceMs = 8000;

/** What takes the processor's time: it would block the event loop of a server. */
export function compute(n: number): number {
  const end = performance.now() + 20;
  while (performance.now() < end);
  return n * n;
}

// Workers of the pool load this module, too.
if (isMainProcess) {
  if (cluster.isPrimary) lead();
  else serve();
}

function lead(): void {
  let isStopping = false;
  const stop = () => {
    isStopping = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
  };
  for (let i = 0; i < 3; i++) cluster.fork();
  cluster.on('exit', () => {
    if (!isStopping) cluster.fork();
  });
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  cluster.on('listening', (_worker, { port }) => console.log('listening', port));
}

function serve(): void {
  // The first one starts the workers, in a process that none of these is the parent of.
  const pool = new Pool(2, { name: `${app}.pool` });
  // At most 16 at a time in all processes; one that is killed gives its places back.
  const limit = new Semaphore(16, { name: `${app}.limit`, robust: true });

  async function answer(path: string, response: ServerResponse): Promise<void> {
    try {
      const n = Number(path.slice(1));
      const result = await limit.run(() => pool.run(compute, n), 30_000);
      response.end(JSON.stringify({ result }));
    } catch (error) {
      const { name, message } = error as Error;
      response.writeHead(503).end(JSON.stringify({ name, message }));
    }
  }

  let accepted = 0;
  let answered = 0;
  const server = createServer((request, response) => {
    accepted++;
    response.once('finish', () => answered++);
    void answer(request.url ?? '/', response);
  });
  server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');

  let isStopping = false;
  async function stop(): Promise<void> {
    if (isStopping) return;
    isStopping = true;
    // First no new requests, then no new work: what was accepted is answered.
    await new Promise((resolve) => {
      server.close(resolve);
      setTimeout(resolve, graceMs).unref();
    });
    await pool.drain(graceMs);
    console.log('answered', answered, 'of', accepted);
    process.disconnect();
  }
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
}
