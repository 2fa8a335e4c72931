/** The mark by which objects of another installed copy of this package are recognised. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Under this symbol the classes of every copy have a {@link Copy}. */
const copyKey = Symbol.for('multiproc.copy');

interface Copy {
  /** Its folder. */
  readonly folder: string;
  readonly version: string;
}

/** A module of this copy that is a file of its own in every build. */
const entry = new URL('../process/entry/main.js', import.meta.url);
const root = new URL('../../../', entry);

/** This copy. Its properties in errors are read when one is thrown. */
const own: Copy = {
  get folder() {
    return fileURLToPath(root);
  },
  get version() {
    try {
      const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
      return String(version);
    } catch {
      return 'unknown';
    }
  },
};

/** Marks the objects of a class as made by this copy. */
export function markCopy(prototype: object): void {
  Object.defineProperty(prototype, copyKey, { value: own });
}

/** Whether an object is of a class of some copy of this package. */
export function isOfPackage(value: object): boolean {
  return (value as { [copyKey]?: Copy })[copyKey] !== undefined;
}

/** Describes an object of another copy, with both folders; returns `undefined` for every other value. */
export function describeForeign(value: object): string | undefined {
  const copy = (value as { [copyKey]?: Copy })[copyKey];
  if (copy === undefined || copy === own) return undefined;
  const name = value.constructor?.name || 'Object';
  const theirs = `another copy of multiproc, in ${copy.folder} (version ${copy.version})`;
  return `an object of the class ${name} of ${theirs}; this copy is in ${own.folder} (version ${own.version})`;
}

/** The cure. */
export const oneCopy = 'install the package once (`npm dedupe`), and do not bundle it';
