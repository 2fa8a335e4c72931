/** Between whom the bytes go that are being written or read now: a proxy is told more briefly where its server is known. */

/** What a proxy has to do with the conversation that it goes through. */
export interface Carriage {
  /** The proxy for an object of this conversation's server. */
  arrive(id: number, details: ProxyDetails): object;
}

/** What is said of the object of a proxy. */
export interface ProxyDetails {
  readonly typeid: string;
  readonly kind: string;
  /** The class of the proxy, where it is the user's. */
  readonly proxyClass: object | undefined;
}

let current: Carriage | undefined;

/** Writes or reads for a conversation. */
export function carriedBy<T>(carriage: Carriage, act: () => T): T {
  const before = current;
  current = carriage;
  try {
    return act();
  } finally {
    current = before;
  }
}

export function currentCarriage(): Carriage | undefined {
  return current;
}
