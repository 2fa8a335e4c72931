/** Modules that will never be evaluated to their end: those that a forked child was in the middle of. */

let interrupted = false;

/** For a forked child: what its parent was evaluating is not gone on with here. */
export function modulesAreInterrupted(): void {
  interrupted = true;
}

/** As `import()`; of a module that was interrupted another copy is loaded. */
export function importWhole(url: string): Promise<unknown> {
  if (!interrupted) return import(url);
  return new Promise((resolve, reject) => {
    // An import that is under way keeps the program alive; one that waits for an interrupted module does not.
    const again = () => import(`${url}${url.includes('?') ? '&' : '?'}forked=${process.pid}`).then(resolve, reject);
    process.once('beforeExit', again);
    import(url).then(resolve, reject).finally(() => process.off('beforeExit', again));
  });
}
