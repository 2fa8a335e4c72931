/** How a proxy travels: where its object is, and the number of that. */
import { Buffer } from 'node:buffer';
import type { Address } from '../../messaging/address.js';
import { damaged, type Handle, HandleKind, ownProxyFlag } from '../../serialize/handles.js';
import { findReference } from '../../serialize/references.js';
import { isSpawning } from '../../serialize/spawning.js';
import type { ProxyDetails } from './proxy-scope.js';

const high = 2 ** 32;

/** What is needed to reach a server. */
export interface Place {
  readonly address: Address;
  readonly key: Buffer;
}

/** A handle for the server itself, or for the client that it talks to. */
export function ownHandle(id: number, details: ProxyDetails): Handle {
  return handle(id, 0, ownProxyFlag, details, [null, null]);
}

/**
 * A handle for whoever gets it.
 *
 * @param transit by which the server knows that it has arrived
 */
export function travelHandle(id: number, transit: number, { address, key }: Place, details: ProxyDetails): Handle {
  return handle(id, transit, 0, details, [address, isSpawning() ? key.toString('base64url') : null]);
}

/** What a handle says. */
export interface ReadHandle extends ProxyDetails {
  readonly isOwn: boolean;
  readonly transit: number;
  readonly address: Address;
  readonly key: Buffer | undefined;
}

export function readHandle({ file, flags, offset, generation, nested }: Handle): ReadHandle {
  let list: unknown;
  try {
    list = JSON.parse(Buffer.from(file, 'base64url').toString());
  } catch (cause) {
    throw damaged('a proxy in it says nothing', cause);
  }
  if (!Array.isArray(list) || list.length !== 4) throw damaged('a proxy in it says nothing');
  const [address, key, typeid, kind] = list as [Address, unknown, unknown, unknown];
  if (typeof typeid !== 'string' || typeof kind !== 'string') throw damaged('a proxy in it is of no type');
  return {
    isOwn: (flags & ownProxyFlag) !== 0,
    transit: generation * high + offset,
    address,
    key: typeof key === 'string' ? Buffer.from(key, 'base64url') : undefined,
    typeid,
    kind,
    proxyClass: nested[0],
  };
}

function handle(id: number, transit: number, flags: number, details: ProxyDetails, place: unknown[]): Handle {
  const { typeid, kind, proxyClass } = details;
  const file = Buffer.from(JSON.stringify([...place, typeid, kind])).toString('base64url');
  return {
    kind: HandleKind.proxy,
    file,
    inode: id,
    offset: transit % high,
    generation: Math.floor(transit / high),
    sender: 0,
    flags,
    // A class that nobody else can find is replaced by the plain one.
    nested: proxyClass === undefined || 'what' in findReference(proxyClass) ? [] : [proxyClass],
  };
}
