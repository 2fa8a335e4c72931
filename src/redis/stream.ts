/** Replies of XREAD. */

export type StreamEntry = readonly [id: Buffer, fields: Buffer[]];

/** The entries in a reply for one stream: a list of pairs by RESP2, a map by RESP3, which ioredis flattens. */
export function entriesOf(reply: unknown): StreamEntry[] {
  if (!Array.isArray(reply)) return [];
  const [first, second] = reply as [unknown, StreamEntry[] | undefined];
  return (Array.isArray(first) ? (first[1] as StreamEntry[]) : second) ?? [];
}
