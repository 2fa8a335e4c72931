/** Where listeners are: a path, a name in the abstract namespace, or a host and a port. */
import { ValueError } from '../errors.js';

/**
 * The path of a socket file; with a NUL in front a name in Linux's abstract namespace; or host and port. An empty host is
 * every IPv4 address of this machine.
 */
export type Address = string | readonly [host: string, port: number];

/** An address as the addon takes it; the host of `text` is not looked up yet. */
export interface ParsedAddress {
  readonly local: boolean;
  /** The path, or the host. */
  readonly text: string;
  readonly port: number;
}

/**
 * Reads an address.
 *
 * @throws TypeError for what is none; RangeError for a port above 65,535; ValueError for a path of Windows' pipes
 */
export function parseAddress(address: Address): ParsedAddress {
  if (typeof address === 'string') {
    if (address === '') throw new ValueError('Expected "address" to be a path, got an empty string');
    if (address.startsWith('\\\\')) throw new ValueError(`Windows' pipes do not exist on this system: ${address}`);
    return { local: true, text: address, port: 0 };
  }
  if (!Array.isArray(address) || address.length !== 2) {
    throw new TypeError(`Expected "address" to be a path or [host, port], got ${describe(address)}`);
  }
  const [host, port] = address as [unknown, unknown];
  if (typeof host !== 'string') throw new TypeError(`Expected the host to be a string, got ${describe(host)}`);
  if (typeof port !== 'number' || !Number.isInteger(port)) {
    throw new TypeError(`Expected the port to be an integer, got ${describe(port)}`);
  }
  if (port < 0 || port > 65_535) throw new RangeError(`Expected the port to be 0 … 65535, got ${port}`);
  return { local: false, text: host, port };
}

/** Whether the host needs to be looked up. */
export function isHostName({ local, text }: ParsedAddress): boolean {
  return !local && text !== '' && process.getBuiltinModule('node:net').isIP(text) === 0;
}

/** As the addon gives an address. */
export function publicAddress([local, text, port]: readonly [boolean, string, number]): string | [string, number] {
  return local ? text : [text, port];
}

/** For messages. */
export function writeAddress({ local, text, port }: ParsedAddress): string {
  return local ? text : `${text}:${port}`;
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
