/** The family of an address, by Python's names. The address says it by itself; a listener may be told it instead of one. */
import { ValueError } from '../errors.js';
import { describe } from '../shared/names.js';
import { type Address, type ParsedAddress, parseAddress, writeAddress } from './address.js';

/** Addresses of TCP, which are `[host, port]`, or those within this machine, which are strings. */
export type Family = 'AF_INET' | 'AF_UNIX';

/** @throws ValueError for an unknown one */
export function checkFamily(family: unknown): Family | undefined {
  if (family === undefined || family === null) return undefined;
  if (family === 'AF_INET' || family === 'AF_UNIX') return family;
  throw new ValueError(`Expected "family" to be 'AF_INET' or 'AF_UNIX', got ${describe(family)}`);
}

/** @throws what {@link parseAddress} throws; ValueError for an address of another family */
export function parseAddressOf(family: Family | undefined, address: Address): ParsedAddress {
  const parsed = parseAddress(address);
  const own = parsed.local ? 'AF_UNIX' : 'AF_INET';
  if (family === undefined || family === own) return parsed;
  throw new ValueError(
    `Expected "address" to be of the family ${family}, got ${writeAddress(parsed)}, which is ${own}`,
  );
}
