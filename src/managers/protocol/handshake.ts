/** What client and server agree upon once both have proved that they know the key. */

const version = 1;
const magic = `multiproc manager ${version} `;

/** What a client says first: whether it may be given a pipe in shared memory. */
export function greeting(local: boolean): Buffer {
  return Buffer.from(`${magic}${local ? 'memory' : 'stream'}`);
}

/** Whether the client can be given a pipe; `undefined` for what is no greeting of this version. */
export function readGreeting(message: Buffer): boolean | undefined {
  const text = message.toString('latin1');
  if (text === `${magic}memory`) return true;
  return text === `${magic}stream` ? false : undefined;
}

/** What the server says then. */
export interface Welcome {
  /** Bytes of the longest message that it reads. */
  readonly largest: number;
  /** The client's end of a pipe, serialised. */
  readonly pipe: Buffer | undefined;
  /** Which server it is, whatever its address looks like from where the client is. */
  readonly server: string;
}

/** What the client says when it was given a pipe. */
export const byMemory = Buffer.from('memory');
export const byStream = Buffer.from('stream');

/** What the server says last: the pipe is the client's. */
export const handedOver = Buffer.from('yours');
