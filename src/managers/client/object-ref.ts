/** What a proxy has its object by: a conversation with the server, or the server itself where that is this process. */
import type { Departure } from '../../serialize/handles.js';
import type { ProxyDetails } from '../protocol/proxy-scope.js';

/** How a call is waited for. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** With `false` it does not keep the program alive. */
  readonly ref?: boolean | undefined;
  /** In ms, as the server is told, too: if it does not say anything by then, it is asked whether it is there. */
  readonly timeout?: number | undefined;
}

export interface Hold {
  call(method: string, args: readonly unknown[], options?: CallOptions): Promise<unknown>;
  callSync(method: string, args: readonly unknown[]): unknown;
  /** The proxy lets go of its object. Idempotent. */
  release(): void;
  depart(proxy: object, details: ProxyDetails): Departure;
  /** For people. */
  readonly where: string;
}
