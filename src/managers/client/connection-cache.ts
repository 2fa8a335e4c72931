/** The conversations of this thread: one for each server and key, whatever number of managers and proxies use it. */
import { afterForkInChild } from '../../lifecycle/after-fork.js';
import { attach } from '../../lifecycle/participant.js';
import { type Address, parseAddress, writeAddress } from '../../messaging/address.js';
import { readHandshakeTimeout } from '../../messaging/handshake-timeout.js';
import { Link, type LinkOwner } from './client-connection.js';
import { makeProxy } from './proxy-factory.js';
import { RemoteHold } from './remote-ref.js';

/** By address, then by key. */
const links = new Map<string, Map<string, Link>>();

const owner: LinkOwner = {
  arrive: (link, id, details, registry) => makeProxy(new RemoteHold(link, id, registry), details, registry),
  renew: ({ address, key, handshakeTimeout, modules }) => linkTo(address, key, handshakeTimeout, modules),
  ended: (link) => {
    const sameAddress = links.get(link.where);
    const name = link.key.toString('latin1');
    if (sameAddress?.get(name) !== link) return;
    sameAddress.delete(name);
    if (sameAddress.size === 0) links.delete(link.where);
  },
};

/**
 * The conversation with the server at the address, which may be about to begin.
 *
 * @param modules that the server may name, beside those that were allowed before
 */
export function linkTo(
  address: Address,
  key: Buffer,
  handshakeTimeout?: number,
  modules: ReadonlySet<string> = new Set(),
): Link {
  const where = writeAddress(parseAddress(address));
  const name = key.toString('latin1');
  const known = links.get(where)?.get(name);
  if (known?.isThere) {
    known.allow(modules);
    return known;
  }
  attach();
  noticeEnds();
  const link = new Link(address, key, readHandshakeTimeout(handshakeTimeout), owner);
  link.allow(modules);
  if (link.ended) return link;
  const sameAddress = links.get(where);
  if (sameAddress === undefined) links.set(where, new Map([[name, link]]));
  else sameAddress.set(name, link);
  return link;
}

/** Whoever expects nothing of a server does not notice its end: without this, those of all servers ever used would be kept. */
function noticeEnds(): void {
  for (const sameAddress of links.values()) for (const link of sameAddress.values()) void link.isThere;
}

/** Any conversation with the server at the address, whatever its key. */
export function linkAt(address: Address): Link | undefined {
  const sameAddress = links.get(writeAddress(parseAddress(address)));
  for (const link of sameAddress?.values() ?? []) if (!link.ended) return link;
  return undefined;
}

afterForkInChild(() => {
  for (const sameAddress of links.values()) for (const link of sameAddress.values()) link.abandon();
  links.clear();
});
