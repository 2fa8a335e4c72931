/** The servers of this thread: it cannot block for their answers, as it is the one that would give them. */
import { type Address, parseAddress } from '../../messaging/address.js';

/** By the servers' names. */
const addresses = new Map<string, string | readonly [string, number]>();
const loopback = new Set(['localhost', '127.0.0.1', '::1', '']);

/** Returns what takes it back. */
export function serveHere(address: string | [string, number], name: string): () => void {
  addresses.set(name, address);
  return () => addresses.delete(name);
}

/**
 * Whether the server at the address is this very thread.
 *
 * @param name of the server, once it has said it
 */
export function isServedHere(address: Address, name: string | undefined): boolean {
  if (addresses.size === 0) return false;
  if (name !== undefined) return addresses.has(name);
  const { local, text, port } = parseAddress(address);
  for (const each of addresses.values()) {
    const [host, ownPort] = typeof each === 'string' ? [each, 0] : each;
    if (local ? host === text : ownPort === port && (host === text || isLoopback(text))) return true;
  }
  return false;
}

function isLoopback(host: string): boolean {
  return loopback.has(host) || /^127(?:\.\d{1,3}){3}$/.test(host);
}
