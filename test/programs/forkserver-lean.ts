/** The least that a child can load. */

/** What of Node a child finds loaded of what would have to be put right in it. */
export function loadedOfNode(): string[] {
  const { moduleLoadList } = process as unknown as { moduleLoadList: string[] };
  return moduleLoadList.filter((name) => /^NativeModule (internal\/crypto\/random|crypto|net|tty)$/.test(name));
}
