/** A listener or a manager's server that takes every client, and says what happened to them. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { type Address, type Connection, Listener, SyncManager } from 'multiproc';

export interface HostOrder {
  kind: 'listener' | 'manager';
  address?: Address | undefined;
  authkey: string;
  /** Descriptors that the process may have from now on, beyond those that it has; 0: none until it is told 'free'. */
  spare?: number;
}

const connections: Connection[] = [];
const failures: { name: string; code: unknown }[] = [];

async function acceptAll(listener: Listener): Promise<void> {
  for (;;) {
    try {
      const connection = await listener.accept();
      connections.push(connection);
      await connection.send('welcome');
    } catch (error) {
      failures.push({ name: (error as Error).name, code: (error as { code?: unknown }).code });
    }
  }
}

/** Descriptors that are opened to be closed: where `spare` is 0, the only ones that get free. */
let filling: number[] = [];

function begin({ kind, address, authkey, spare }: HostOrder): Address {
  if (spare !== undefined) {
    // What a first connection opens besides itself is opened now.
    new Listener().close();
    const most = Math.max(...readdirSync('/proc/self/fd').map(Number)) + Math.max(spare, 20);
    const { status, error } = spawnSync('prlimit', ['--pid', String(process.pid), `--nofile=${most}`]);
    if (status !== 0) throw error ?? new Error(`prlimit ended with ${status}`);
  }
  if (kind === 'manager') {
    const server = new SyncManager({ address, authkey, limits: { clients: 20_000 } }).getServer();
    void server.serveForever();
    return server.address;
  }
  const listener = new Listener(address, { authkey });
  if (spare === 0) filling = fill();
  void acceptAll(listener);
  return listener.address;
}

/** Takes every descriptor that is left. */
function fill(): number[] {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    return taken;
  }
}

process.on('message', (message: HostOrder | 'failures' | 'free') => {
  if (message === 'free') {
    for (const descriptor of filling.splice(0)) closeSync(descriptor);
    process.send?.('freed');
    return;
  }
  if (message === 'failures') {
    process.send?.(failures.splice(0));
    return;
  }
  process.send?.(begin(message));
});
process.on('disconnect', () => process.exit());
