/** The HTTP server of `multiproc serve`: metrics, the page, and the state that the page shows. GET and HEAD only. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { MultiprocError } from '../errors.js';
import { printableJson } from '../printable.js';
import { wallClock } from '../timing.js';
import { exposition, openMetricsType, textType } from './exposition.js';
import { metricsOf } from './metrics.js';
import { page } from './page.js';
import { type Snapshot, takeSnapshot } from './snapshot.js';
import { stateOf } from './state.js';

export interface Access {
  /** Without it every client that can connect is let in. */
  readonly token: string | undefined;
  /** Names under which browsers may ask; `undefined`: any. A page of another site could have its own name resolve to here. */
  readonly hosts: readonly string[] | undefined;
}

/** How old a snapshot may be, in ms: many clients cost one look. */
const maxAge = 200;
/** Upper bound in ms on the time in which a client sends a request. */
const requestMs = 5000;
const maxClients = 100;

const headers = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

export function observationServer({ token, hosts }: Access): Server {
  const expected = token === undefined ? undefined : digest(token);
  const server = createServer({ maxHeaderSize: 8192 }, (request, response) => {
    try {
      answer(request, response);
    } catch (error) {
      // A request must not end the server.
      const status = error instanceof MultiprocError ? 503 : 500;
      refuse(response, status, error instanceof Error ? error.message : String(error));
    }
  });
  server.headersTimeout = requestMs;
  server.requestTimeout = requestMs;
  server.keepAliveTimeout = requestMs;
  server.maxConnections = maxClients;
  return server;

  function answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      refuse(response, 405, 'Only GET and HEAD are served');
      return;
    }
    if (hosts !== undefined && !hosts.includes(hostOf(request))) {
      refuse(response, 421, 'The Host header names another server than this one: use the address that it listens on');
      return;
    }
    const url = urlOf(request);
    if (url === undefined) {
      refuse(response, 400, 'The request names no path');
      return;
    }
    if (expected !== undefined && !timingSafeEqual(expected, digest(tokenOf(request, url)))) {
      response.setHeader('www-authenticate', 'Bearer');
      refuse(response, 401, 'Expected the token: "Authorization: Bearer TOKEN", or /?token=TOKEN for the page');
      return;
    }
    switch (url.pathname) {
      case '/':
        sendPage(response);
        return;
      case '/metrics': {
        const isOpenMetrics = request.headers.accept?.includes('application/openmetrics-text') === true;
        const text = exposition(metricsOf(snapshot()), isOpenMetrics);
        send(response, 200, isOpenMetrics ? openMetricsType : textType, text);
        return;
      }
      case '/state':
        send(response, 200, 'application/json', printableJson(stateOf(snapshot())));
        return;
      default:
        refuse(response, 404, 'There are /, /metrics and /state');
    }
  }
}

let last: Snapshot | undefined;

function snapshot(): Snapshot {
  if (last === undefined || Math.abs(wallClock() - last.time) > maxAge) last = takeSnapshot();
  return last;
}

function sendPage(response: ServerResponse): void {
  const { html, policy } = page();
  response.setHeader('content-security-policy', policy);
  send(response, 200, 'text/html; charset=utf-8', html);
}

function refuse(response: ServerResponse, status: number, why: string): void {
  // A request with a body is not read.
  response.setHeader('connection', 'close');
  send(response, status, 'text/plain; charset=utf-8', `${why}\n`);
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { ...headers, 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** `undefined` for a target that is no path, such as `//`. */
function urlOf({ url = '/' }: IncomingMessage): URL | undefined {
  try {
    return new URL(`http://localhost${url.startsWith('/') ? '' : '/'}${url}`);
  } catch {
    return undefined;
  }
}

function tokenOf({ headers }: IncomingMessage, url: URL): string {
  const [, bearer] = /^Bearer +(.*)$/i.exec(headers.authorization ?? '') ?? [];
  return bearer ?? url.searchParams.get('token') ?? '';
}

function hostOf({ headers }: IncomingMessage): string {
  return (headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
}

/** Of equal length for any token. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
