/** Many clients in one process that connect at once: honest ones, or ones that never prove the key. */
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { type Address, Client, type Connection } from 'multiproc';
import { managerPeer } from '../harness/manager-peer.js';

export type Silence = 'silent' | 'half a frame' | 'dripping';

export interface CrowdOrder {
  address: Address;
  authkey: string;
  count: number;
  /** Honest without; else what each of them does instead of proving, again and again when it is turned away. */
  silence?: Silence;
  kind?: 'listener' | 'manager';
}

let connections: Connection[] = [];

/** How many were let in, and why others were not. */
async function honest({ address, authkey, count, kind }: CrowdOrder): Promise<{ letIn: number; reasons: string[] }> {
  const enter = async () => {
    if (kind === 'manager') {
      const connection = await managerPeer(address, authkey);
      connections.push(connection);
      await connection.sendBytes(Buffer.from('multiproc manager 1 stream'));
      await connection.recvBytes();
    } else {
      const connection = await Client(address, { authkey, handshakeTimeout: 60_000 });
      connections.push(connection);
      await connection.recv();
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: count }, enter));
  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
  return { letIn: count - refusals.length, reasons: [...new Set(refusals)] };
}

/** Resolves when all have connected once. */
async function silent({ address, count, silence }: CrowdOrder): Promise<{ connected: number }> {
  const where: NetConnectOpts =
    typeof address === 'string' ? { path: address } : { host: address[0] as string, port: Number(address[1]) };
  const once = Array.from({ length: count }, () => new Promise<void>((resolve) => stay(where, silence, resolve)));
  await Promise.all(once);
  return { connected: count };
}

const drips = new Set<Socket>();

function stay(where: NetConnectOpts, silence: Silence | undefined, onConnect: () => void): void {
  const socket = connect(where, () => {
    onConnect();
    if (silence === 'half a frame') socket.write(Buffer.from([0, 0, 0, 40, 1, 2]));
    if (silence === 'dripping') drips.add(socket);
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    drips.delete(socket);
    setTimeout(() => stay(where, silence, onConnect), 5);
  });
  socket.resume();
}

function drip(): void {
  for (const socket of drips) socket.write(Buffer.alloc(1));
}

process.on('message', (message: CrowdOrder | 'leave') => {
  if (message === 'leave') {
    for (const connection of connections) connection.close();
    connections = [];
    process.send?.('left');
    return;
  }
  if (message.silence === 'dripping') setInterval(drip, 1000);
  (message.silence === undefined ? honest(message) : silent(message)).then(
    (told) => process.send?.(told),
    (error) => process.send?.({ letIn: 0, reasons: [String(error)] }),
  );
});
process.on('disconnect', () => process.exit());
