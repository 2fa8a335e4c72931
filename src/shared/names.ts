/** How the name of an object becomes the name of a file in /dev/shm. */
import { MultiprocError, SystemError } from '../errors.js';
import { layout, native } from '../native.js';
import { describe } from '../options/describe.js';

/** The files of this user's objects start with this. The effective user may change until the first use. */
function userPrefix(): string {
  return `multiproc-${layout.abi}-${native.user()}`;
}

/** Files of named objects start with this. */
export function namedPrefix(): string {
  return `${userPrefix()}-`;
}

/** Files of anonymous objects start with this: no name can collide with them, as the character after the uid differs. */
export function anonymousPrefix(): string {
  return `${userPrefix()}.`;
}

const pattern = /^[A-Za-z0-9._-]{1,200}$/;

/**
 * Checks a name and takes a leading slash off, which means the same.
 *
 * @throws TypeError for anything but a string
 * @throws MultiprocError `ERR_MULTIPROC_NAME`
 */
export function checkName(name: unknown): string {
  if (typeof name !== 'string') throw new TypeError(`Expected "name" to be a string, got ${describe(name)}`);
  const plain = name.startsWith('/') ? name.slice(1) : name;
  if (!isName(plain)) {
    throw new MultiprocError(
      `Expected "name" to be 1 to 200 letters, digits, dots, underscores or hyphens, got ${describe(name)}`,
      { code: 'ERR_MULTIPROC_NAME' },
    );
  }
  return plain;
}

/** Whether an object can have this name, which has no leading slash. */
export function isName(plain: string): boolean {
  return pattern.test(plain) && plain !== '.' && plain !== '..';
}

/** The file of the object with this (checked) name. */
export function fileOfName(name: string): string {
  return namedPrefix() + name;
}

/** A file name with 96 random bits. */
export function anonymousFile(): string {
  const random = Buffer.allocUnsafe(12);
  native.fillRandom(random);
  return anonymousPrefix() + random.toString('hex');
}

/** A name that is in use is drawn again so often: with a working random generator the second draw is free. */
const mostDraws = 100;

/**
 * Tries generated names until one is free.
 *
 * @param generate makes a name
 * @param take uses it; `undefined` if it is taken
 * @throws SystemError `EEXIST` when all were taken
 */
export function underFreshName<T>(generate: () => string, take: (name: string) => T | undefined): T {
  for (let draw = 0; draw < mostDraws; draw++) {
    const taken = take(generate());
    if (taken !== undefined) return taken;
  }
  throw new SystemError(
    `EEXIST: ${mostDraws} generated names in /dev/shm were in use: are its random numbers random?`,
    {
      code: 'EEXIST',
      errno: 17,
      syscall: 'linkat',
      path: '/dev/shm/',
    },
  );
}

/** Whether the file belongs to an anonymous object, which goes when nobody has it open. */
export function isAnonymousFile(fileName: string): boolean {
  return fileName.startsWith(anonymousPrefix());
}
