/** Modules that will never be evaluated to their end: those that a forked child was in the middle of. */

let interrupted = false;
const imports = new Map<string, Promise<unknown>>();

/** For a forked child: what its parent was evaluating is not gone on with here. */
export function modulesAreInterrupted(): void {
  interrupted = true;
  imports.clear();
}

/**
 * Imports like `import()`; loads another copy of an interrupted module. An interruption shows only when nothing else is
 * left to do, and perhaps once only: later calls for the module share the answer.
 */
export function importWhole(url: string): Promise<unknown> {
  if (!interrupted) return import(url);
  let whole = imports.get(url);
  if (whole === undefined) {
    whole = importOrCopy(url);
    imports.set(url, whole);
    // A missing module may exist at the next call.
    whole.catch(() => imports.delete(url));
  }
  return whole;
}

// An import that is under way keeps the program alive; one that waits for an interrupted module does not.
function importOrCopy(url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const again = () => import(`${url}${url.includes('?') ? '&' : '?'}forked=${process.pid}`).then(resolve, reject);
    process.once('beforeExit', again);
    import(url).then(resolve, reject).finally(() => process.off('beforeExit', again));
  });
}
