/** The typed contract of the addon; the only file that loads it. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { SystemError } from './errors.js';

/** A mapping of shared memory, opaque here. */
export type MappingHandle = { readonly mapping: unique symbol };

/** Functions of the addon. Arguments are checked by the callers: what is wrong here is a fault of this package. */
export interface Native {
  /** Registers the function that makes every error the addon throws for a failed system call. */
  setErrorFactory(make: (code: string, errno: number, syscall: string, name: string, text: string) => Error): void;

  /** Every view of the buffer has length 0 afterwards. */
  detachBuffer(buffer: ArrayBuffer): void;
  /** Lets go of the shared memory and keeps its addresses reserved until every buffer over it has been collected. */
  retireMapping(mapping: MappingHandle): void;
}

function load(): Native {
  const root = fileURLToPath(new URL('..', import.meta.url));
  try {
    return createRequire(import.meta.url)('node-gyp-build')(root) as Native;
  } catch (cause) {
    const hint = existsSync(`${root}/binding.gyp`)
      ? `compile it with: npm explore multiproc -- npx node-gyp rebuild`
      : 'this installation has no sources to compile';
    throw new Error(
      `multiproc has no prebuilt binary for ${process.platform}-${process.arch} and Node-API ${process.versions.napi}; ${hint}`,
      { cause },
    );
  }
}

export const native: Native = load();
native.setErrorFactory(
  (code, errno, syscall, name, text) =>
    new SystemError(`${code}: ${text}, ${syscall}${name === '' ? '' : ` '${name}'`}`, {
      code,
      errno,
      syscall,
      path: name,
    }),
);
