/** Makes the proxy that fits an object. */
import type { ProxyDetails } from './carriage.js';
import type { Hold } from './hold.js';
import { AutoProxy, proxyClasses } from './proxies.js';
import { construct } from './proxy.js';
import type { Registry } from './registry.js';

/** @param registry of the manager through which the object was made: it knows the user's classes of proxies */
export function makeProxy(hold: Hold, details: ProxyDetails, registry: Registry | undefined): object {
  const { typeid, kind, proxyClass } = details;
  const chosen = registry?.get(typeid)?.proxyType ?? proxyClass ?? ownClass(kind);
  return construct(chosen as typeof AutoProxy, { hold, details, registry });
}

function ownClass(kind: string): typeof AutoProxy {
  return Object.hasOwn(proxyClasses, kind) ? (proxyClasses[kind] as typeof AutoProxy) : AutoProxy;
}
