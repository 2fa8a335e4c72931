/** The family of an address, by Python's names. The address says it by itself; a listener may be told it instead of one. */
import { ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { checkedBy, type Kind, nullable } from '../options/kinds.js';
import { type Address, type ParsedAddress, parseAddress, writeAddress } from './address.js';

/** Addresses of TCP, which are `[host, port]`, or those within this machine, which are strings. */
export type Family = 'AF_INET' | 'AF_UNIX';

/** The option `family`: a ValueError for an unknown one. */
export const familyKind: Kind<Family | null> = nullable(
  checkedBy<Family>((family, name) => {
    if (family === 'AF_INET' || family === 'AF_UNIX') return;
    throw new ValueError(`Expected "${name}" to be 'AF_INET' or 'AF_UNIX', got ${describe(family)}`);
  }),
);

/** @throws what {@link parseAddress} throws; ValueError for an address of another family */
export function parseAddressOf(family: Family | undefined, address: Address): ParsedAddress {
  const parsed = parseAddress(address);
  const own = parsed.local ? 'AF_UNIX' : 'AF_INET';
  if (family === undefined || family === own) return parsed;
  throw new ValueError(
    `Expected "address" to be of the family ${family}, got ${writeAddress(parsed)}, which is ${own}`,
  );
}
