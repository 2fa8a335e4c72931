/** Built-in modules that this program has loaded: others need no correction, and loading them costs time. */

/** @param name - as Node calls it inside, for example `'net'` or `'internal/crypto/random'` */
export function isLoaded(name: string): boolean {
  const { moduleLoadList } = process as unknown as { moduleLoadList?: string[] };
  // Not documented. Without it everything counts as loaded, which is only slower.
  return moduleLoadList === undefined || moduleLoadList.includes(`NativeModule ${name}`);
}
