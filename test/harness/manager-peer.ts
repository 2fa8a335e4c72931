/** A connection to a manager's server that has proved its key, and on which a test says what it wants. */
import { type Address, Client, type Connection } from 'multiproc';

const { authenticate, clientFacts, clientHandshake } = await import(
  new URL('../../dist/internals.js', import.meta.url).href
);

export async function managerPeer(address: Address, key: string): Promise<Connection> {
  const connection = await Client(address);
  const { descriptor } = (connection as unknown as { channel: { descriptor: number } }).channel;
  const facts = clientFacts(descriptor, typeof address === 'string');
  const script = clientHandshake({ key: Buffer.from(key), purpose: 'manager', python: false, facts });
  await authenticate(connection, script, { deadline: Infinity, signal: undefined, ref: true });
  return connection;
}
