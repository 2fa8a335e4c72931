/** Which of Node's own modules this program has loaded: what it has not, needs no putting right, and loading costs. */

/** @param name - as Node calls it inside, for example `'net'` or `'internal/crypto/random'` */
export function isLoaded(name: string): boolean {
  const { moduleLoadList } = process as unknown as { moduleLoadList?: string[] };
  // Not documented. Without it everything counts as loaded, which is only slower.
  return moduleLoadList === undefined || moduleLoadList.includes(`NativeModule ${name}`);
}
