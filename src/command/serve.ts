/** `multiproc serve`: metrics for Prometheus and a live page, over HTTP. */
import { lstatSync, unlinkSync } from 'node:fs';
import type { AddressInfo, ListenOptions } from 'node:net';
import { ValueError } from '../errors.js';
import { native } from '../native.js';
import { observationServer } from '../observe/server.js';
import { printable } from '../printable.js';

export interface ServeOptions {
  readonly listen: string;
  readonly token: string | undefined;
}

const loopback = ['127.0.0.1', '::1', 'localhost'];

/** Serves until SIGINT or SIGTERM. Resolves with the exit code. */
export async function serve({ listen, token }: ServeOptions): Promise<number> {
  const where = placeOf(listen);
  if (token === '') throw new ValueError('Expected a token that is not empty');
  if (where.path === undefined && token === undefined && !loopback.includes(where.host as string)) {
    throw new ValueError(
      `Expected --token (or MULTIPROC_SERVE_TOKEN) to listen on ${listen}: other machines could read what runs here. ` +
        'Listen on 127.0.0.1 or on unix:PATH without one',
    );
  }
  const signalled = new Promise<NodeJS.Signals>((resolve) => {
    for (const each of ['SIGINT', 'SIGTERM'] as const) process.once(each, resolve);
  });
  const hosts = where.path !== undefined || token !== undefined ? undefined : [...loopback, '[::1]'];
  const server = observationServer({ token, hosts });
  if (where.path !== undefined) {
    removeAbandoned(where.path);
    // Not even for a moment may others connect to the socket file.
    process.umask(0o177);
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
  process.stdout.write(`multiproc serve: listening on ${printable(nameOf(server.address()))}\n`);
  const signal = await signalled;
  server.close();
  server.closeAllConnections();
  return signal === 'SIGINT' ? 130 : 0;
}

/** @throws ValueError for what is no address */
function placeOf(listen: string): ListenOptions {
  if (listen.startsWith('unix:') && listen.length > 5) return { path: listen.slice(5) };
  const [, host = '', port = ''] = /^(?:(.*):)?(\d+)$/.exec(listen) ?? [];
  const number = Number(port);
  if (port === '' || number > 65_535) {
    throw new ValueError(`Expected --listen to be HOST:PORT, PORT or unix:PATH, got '${listen}'`);
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1', port: number };
}

/** The socket file of a server that was killed is in the way of the next one. */
function removeAbandoned(path: string): void {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status?.isSocket() === true && status.uid === process.geteuid?.() && !native.socketProbe(path)) unlinkSync(path);
}

function nameOf(address: string | AddressInfo | null): string {
  if (address === null || typeof address === 'string') return `unix:${address}`;
  const { address: host, port, family } = address;
  return `http://${family === 'IPv6' ? `[${host}]` : host}:${port}/`;
}
