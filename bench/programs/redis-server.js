// A Redis server of our own on a Unix socket, without persistence, and the few commands that the benchmarks send it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Calls `use(client)` with a server that is gone afterwards. */
export async function withRedis(use) {
  const folder = mkdtempSync(join(tmpdir(), 'multiproc-redis-'));
  const path = join(folder, 'socket');
  const options = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder];
  const server = spawn('redis-server', options, { stdio: 'ignore' });
  const ended = once(server, 'exit');
  try {
    const client = await connected(path, server);
    const result = await use(client);
    client.socket.destroy();
    return result;
  } finally {
    server.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  }
}

async function connected(path, server) {
  for (const deadline = Date.now() + 10_000; ; ) {
    const socket = connect(path);
    try {
      await once(socket, 'connect');
      return new Client(socket);
    } catch (error) {
      if (Date.now() > deadline || server.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Commands whose answers are bulk strings or one line, one at a time. */
class Client {
  #answer;
  #received = '';

  constructor(socket) {
    this.socket = socket.setNoDelay();
    socket.setEncoding('latin1').on('data', (text) => this.#receive(text));
  }

  command(...parts) {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.socket.write(`*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`);
    });
  }

  #receive(text) {
    this.#received += text;
    const head = this.#received.indexOf('\r\n');
    if (head === -1) return;
    const length = this.#received[0] === '$' ? Math.max(Number(this.#received.slice(1, head)), 0) + 2 : 0;
    if (this.#received.length < head + 2 + length) return;
    const value = length === 0 ? this.#received.slice(0, head) : this.#received.slice(head + 2, head + length);
    this.#received = '';
    this.#answer(value);
  }
}
