/**
 * Frames: what a client and a server tell each other, as bytes. A message holds any number of them, one after the other.
 *
 *     client to server                              server to client
 *     call     call, object, method, arguments      value      call, value
 *     create   call, typeid, arguments              thrown     call, error that the object threw
 *     cancel   call                                 failed     call, text: the server could not do it
 *     release  object, how many references          cancelled  call
 *     claim    object, transit
 *     lend     object, transit
 *     withdraw object, transit
 *     ask      call, question
 *
 * Numbers are little-endian: a byte for the kind of frame and 4 bytes for the number of the call, 8 for an object (a
 * double) and for a transit. Texts are a length (4 bytes) and UTF-8. A value begins with a tag of the codec: scalars
 * are written here, the rest is a length and what `serialize` makes. Arguments are a number of scalars, or one array, which
 * may need objects that are still being made.
 */
import { MultiprocError } from '../../errors.js';

export const Request = {
  call: 1,
  create: 2,
  cancel: 3,
  release: 4,
  claim: 5,
  lend: 6,
  withdraw: 7,
  ask: 8,
} as const;

export const Reply = { value: 1, thrown: 2, failed: 3, cancelled: 4 } as const;

/** What `ask` asks for. */
export const Question = { shutdown: 1, objects: 2, debug: 3, retire: 4 } as const;

/** A value that `serialize` wrote: its length and its bytes follow. */
export const whole = 64;

/** In the place of the number of arguments: they are one array, as objects in them may refer to each other. */
export const together = 255;

/**
 * The same, but for a call whose arguments hold proxies of objects that earlier `create` frames make: how many of those (4
 * bytes) and their numbers (4 bytes each) come first. In the array they have the object number −(call of the `create`).
 */
export const afterCreation = 254;

export function broken(reason: string): MultiprocError {
  return new MultiprocError(`A manager and its client do not understand each other: a message is damaged, ${reason}`, {
    code: 'ERR_MULTIPROC_MESSAGE',
  });
}
