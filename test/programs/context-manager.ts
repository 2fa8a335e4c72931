/** A manager whose objects leave something in their async context, and look at what is there. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { BaseManager } from 'multiproc';

const storage = new AsyncLocalStorage<string>();

class Contexts {
  enter(name: string): string | null {
    const before = storage.getStore() ?? null;
    storage.enterWith(name);
    return before;
  }
}

export class ContextManager extends BaseManager.define({ Contexts: () => new Contexts() }) {}
