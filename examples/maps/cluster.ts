// An HTTP server in four cluster workers, with one session store and one rate limit for all of them: node cluster.js
import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { RateLimiter, SharedMap } from 'multiproc';

interface Session {
  visits: number;
  workers: number[];
}

const app = process.env.APP ?? 'example.sessions';
const sessionMs = 30 * 60_000;

if (cluster.isPrimary) await lead();
else serve();

function serve(): void {
  const sessions = new SharedMap<string, Session>({ name: `${app}.sessions`, ttl: sessionMs });
  const limiter = new RateLimiter({ name: `${app}.limit`, points: 20, duration: 60 * 60_000 });

  const server = createServer((request, response) => {
    const { allowed, remaining, retryAfter } = limiter.consume(addressOf(request));
    response.setHeader('RateLimit-Remaining', remaining);
    if (!allowed) {
      response.writeHead(429, { 'Retry-After': Math.ceil(retryAfter / 1000) }).end();
      return;
    }
    const id = /session=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1] ?? randomUUID();
    // Atomic: requests of one session may be with several workers at the same time.
    const session = sessions.update(id, (old = { visits: 0, workers: [] }) => ({
      visits: old.visits + 1,
      workers: [...new Set([...old.workers, process.pid])],
    }));
    response.setHeader('Set-Cookie', `session=${id}; HttpOnly`).setHeader('Connection', 'close');
    response.end(JSON.stringify(session));
  });
  server.listen(0, '127.0.0.1');
}

/** Behind a proxy: what it says of its client. */
function addressOf({ headers, socket }: IncomingMessage): string {
  return String(headers['x-forwarded-for'] ?? socket.remoteAddress);
}

/** Starts the workers and, to show them at work, is a client of its own service. */
async function lead(): Promise<void> {
  let port = 0;
  for (let i = 0; i < 4; i++) {
    const worker = cluster.fork();
    [{ port }] = (await once(worker, 'listening')) as [{ port: number }];
  }
  const ask = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}/`, { headers });

  const first = await ask({});
  const cookie = first.headers.get('set-cookie') ?? '';
  for (let i = 0; i < 8; i++) await ask({ cookie });
  const { visits, workers } = (await (await ask({ cookie })).json()) as Session;
  console.log(visits, workers.length > 1); // → 10 true

  const answers = await Promise.all(Array.from({ length: 60 }, () => ask({ 'x-forwarded-for': '192.0.2.7' })));
  const count = (status: number) => answers.filter((answer) => answer.status === status).length;
  console.log('served', count(200), 'refused', count(429)); // → served 20 refused 40

  for (const worker of Object.values(cluster.workers ?? {})) worker?.kill();
  SharedMap.unlink(`${app}.sessions`);
  RateLimiter.unlink(`${app}.limit`);
}
