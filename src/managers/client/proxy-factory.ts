/** Makes the proxy that fits an object. */
import type { ProxyDetails } from '../protocol/proxy-scope.js';
import type { Registry } from '../types/registered-type.js';
import type { Hold } from './object-ref.js';
import { construct } from './proxy.js';
import { AutoProxy, proxyClasses } from './proxy-classes.js';

/** @param registry of the manager through which the object was made: it knows the user's classes of proxies */
export function makeProxy(hold: Hold, details: ProxyDetails, registry: Registry | undefined): object {
  const { typeid, kind, proxyClass } = details;
  const chosen = registry?.get(typeid)?.proxyType ?? proxyClass ?? ownClass(kind);
  return construct(chosen as typeof AutoProxy, { hold, details, registry });
}

function ownClass(kind: string): typeof AutoProxy {
  return Object.hasOwn(proxyClasses, kind) ? (proxyClasses[kind] as typeof AutoProxy) : AutoProxy;
}
