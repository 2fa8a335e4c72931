/**
 * Facts that only the engine has: variables that functions close over, private fields, all living objects. A session of
 * the inspector with this thread reads them. node:inspector is loaded on demand: most programs do not need it.
 */
import type { Session } from 'node:inspector';

/** A value, as the inspector tells of it. */
export interface RemoteObject {
  readonly objectId?: string;
  readonly value?: unknown;
  readonly description?: string;
}

interface Property {
  readonly name: string;
  readonly value?: RemoteObject;
}

interface Properties {
  readonly result: readonly Property[];
  readonly internalProperties?: readonly Property[];
  readonly privateProperties?: readonly Property[];
}

/** The key under which values reach the inspector and come back from it. */
const box = Symbol.for('multiproc.inspected');
const group = 'multiproc';

/**
 * The expression for the last value passed to {@link Inspector.show}.
 *
 * The inspector evaluates it in the thread's main context. Test runners evaluate this module in a vm context, whose global object
 * is another one; a built-in module is the same object in all contexts of a thread.
 */
export const boxed = "process.getBuiltinModule('node:inspector')[Symbol.for('multiproc.inspected')]";

export class Inspector {
  readonly session: Session;
  readonly #shared: Record<symbol, unknown>;

  /** @throws Error if this Node has no inspector, or forbids it */
  constructor() {
    const inspector = process.getBuiltinModule('node:inspector');
    this.#shared = inspector as unknown as Record<symbol, unknown>;
    this.session = new inspector.Session();
    this.session.connect();
  }

  /** @throws Error if it cannot be answered */
  ask<T>(method: string, parameters: object = {}): T {
    let answer: { readonly error: Error | null; readonly result: unknown } | undefined;
    // Within a thread the answer comes before `post` returns.
    this.session.post(method, parameters, (error, result) => {
      answer = { error, result };
    });
    if (answer === undefined) throw new Error(`The inspector does not answer to ${method}`);
    if (answer.error) throw new Error(`The inspector refused ${method}: ${answer.error.message}`);
    return answer.result as T;
  }

  /** The inspector's name for a value. */
  show(value: unknown): RemoteObject {
    this.#shared[box] = value;
    return this.ask<{ result: RemoteObject }>('Runtime.evaluate', { expression: boxed, objectGroup: group }).result;
  }

  /** The value that the inspector's name stands for. */
  take(object: RemoteObject | undefined): unknown {
    this.#shared[box] = undefined;
    const functionDeclaration = `function () { ${boxed} = this; }`;
    this.ask('Runtime.callFunctionOn', { objectId: object?.objectId, functionDeclaration });
    return this.#shared[box];
  }

  properties(object: RemoteObject | undefined): Properties {
    return this.ask<Properties>('Runtime.getProperties', { objectId: object?.objectId, ownProperties: true });
  }

  /** The scopes that a function closes over, the innermost first. */
  scopesOf(fn: unknown): readonly Property[] {
    const scopes = this.internal(fn, '[[Scopes]]');
    return scopes === undefined ? [] : this.properties(scopes).result;
  }

  /** Something that V8 notes of a value. */
  internal(value: unknown, name: string): RemoteObject | undefined {
    return this.properties(this.show(value)).internalProperties?.find((property) => property.name === name)?.value;
  }

  /** The variables of one of {@link scopesOf}: the very ones, not copies. */
  variables(scope: Property | undefined): Record<string, unknown> {
    return (this.take(scope?.value) as { object: Record<string, unknown> }).object;
  }

  /** Everything alive with this prototype. V8 goes through the whole heap for it. */
  likes(prototype: object): readonly unknown[] {
    const { objectId } = this.show(prototype);
    const { objects } = this.ask<{ objects: RemoteObject }>('Runtime.queryObjects', {
      prototypeObjectId: objectId,
      objectGroup: group,
    });
    return [...(this.take(objects) as unknown[])];
  }

  /** Lets go of all values that were shown or taken. */
  forget(): void {
    delete this.#shared[box];
    this.ask('Runtime.releaseObjectGroup', { objectGroup: group });
  }
}

/**
 * Returns the address at which a debugger can attach to this process; `undefined` while its inspector is closed or
 * absent.
 */
export function inspectorUrl(): string | undefined {
  try {
    return process.getBuiltinModule('node:inspector').url();
  } catch {
    return undefined; // Node was built without it.
  }
}

/** With a session for as long as the action takes. */
export function inspecting<T>(action: (inspector: Inspector) => T): T {
  const inspector = new Inspector();
  try {
    return action(inspector);
  } finally {
    inspector.forget();
    inspector.session.disconnect();
  }
}
