/** The least that a child can load. */

/** What a child finds loaded of node:crypto, which would have to be put right in it. */
export function loadedOfNode(): string[] {
  const { moduleLoadList } = process as unknown as { moduleLoadList: string[] };
  return moduleLoadList.filter((name) => /^NativeModule (internal\/crypto\/random|crypto)$/.test(name));
}
