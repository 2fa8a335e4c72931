/** The servers of this thread: it cannot block for their answers, as it is the one that would give them. */
import { type Address, parseAddress } from '../messaging/address.js';

const addresses = new Set<string | readonly [string, number]>();
const loopback = new Set(['localhost', '127.0.0.1', '::1', '']);

/** Returns what takes it back. */
export function serveHere(address: string | [string, number]): () => void {
  addresses.add(address);
  return () => addresses.delete(address);
}

/** Whether the server at the address is this very thread. */
export function isServedHere(address: Address): boolean {
  if (addresses.size === 0) return false;
  const { local, text, port } = parseAddress(address);
  for (const each of addresses) {
    const [host, ownPort] = typeof each === 'string' ? [each, 0] : each;
    if (local ? host === text : ownPort === port && (host === text || loopback.has(text))) return true;
  }
  return false;
}
