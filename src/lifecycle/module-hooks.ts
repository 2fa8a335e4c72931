/**
 * Module hooks that run in a thread of the process (`module.register`, `--experimental-loader`). A fork does not copy the
 * thread, and whoever loads a module would wait for its answer for ever.
 */
import type { Session } from 'node:inspector';

const hooksModule = 'NativeModule internal/modules/esm/hooks';

/** Whether there are such hooks. */
export function hookedIn(): boolean {
  // Undocumented. Where it is missing, an import in a child shows: it never settles.
  const { moduleLoadList = [] } = process as unknown as { moduleLoadList?: readonly string[] };
  return moduleLoadList.includes(hooksModule);
}

/** What Node's loader calls the hooks: up to Node 22, and from then on. */
const fields = ['customizations', 'asyncLoaderHooks'];
const box = Symbol.for('multiproc.loader');
const boxed = "globalThis[Symbol.for('multiproc.loader')]";

/**
 * In a forked child: modules are loaded without hooks from now on, as if none had been registered. What only they can
 * load is an error of Node's.
 *
 * @returns whether that could be arranged; true if there are none
 */
export function dropModuleHooks(): boolean {
  if (!hookedIn()) return true;
  const { Session } = process.getBuiltinModule('node:inspector');
  const session = new Session();
  session.connect();
  try {
    return drop(session);
  } catch {
    return false; // This Node is another than those known here.
  } finally {
    delete (globalThis as Record<symbol, unknown>)[box];
    session.disconnect();
  }
}

interface RemoteObject {
  readonly objectId: string;
  readonly value?: unknown;
}

interface Properties {
  readonly result: { name: string; value: RemoteObject }[];
  readonly internalProperties?: { name: string; value: RemoteObject }[];
  readonly privateProperties?: { name: string; value: RemoteObject }[];
}

// Nothing but variables of Node's functions and a private field lead there; the inspector opens both.
function drop(session: Session): boolean {
  const properties = ({ objectId }: RemoteObject) =>
    ask<Properties>(session, 'Runtime.getProperties', { objectId, ownProperties: true });
  const evaluate = (expression: string, options: object = {}) =>
    ask<{ result: RemoteObject }>(session, 'Runtime.evaluate', { expression, ...options }).result;

  const { register } = process.getBuiltinModule('node:module');
  Object.defineProperty(globalThis, box, { value: register, configurable: true, writable: true });
  const scopes = properties(evaluate(boxed)).internalProperties?.find(({ name }) => name === '[[Scopes]]')?.value;
  const innermost = scopes && properties(scopes).result.find(({ name }) => name === '0')?.value;
  if (innermost === undefined) return false;
  const scope = properties(innermost).result.find(({ name }) => name === 'object')?.value ?? innermost;
  const loader = properties(scope).result.find(({ name }) => name === 'cascadedLoader')?.value;
  // Without a loader nothing was loaded by it, and nobody was asked to change that.
  if (loader?.objectId === undefined) return true;
  const { objectId } = loader;
  ask(session, 'Runtime.callFunctionOn', { objectId, functionDeclaration: `function () { ${boxed} = this; }` });
  const names = properties(loader).privateProperties?.map(({ name }) => name) ?? [];
  const field = fields.find((one) => names.includes(`#${one}`));
  if (field === undefined) return false;
  // Private names outside of their class are understood in this mode only. It is over before the answer comes.
  session.post('Runtime.evaluate', { expression: `${boxed}.#${field} = undefined`, replMode: true });
  const now = properties(loader).privateProperties?.find(({ name }) => name === `#${field}`);
  return now !== undefined && now.value.objectId === undefined;
}

// A session with its own process answers before `post` returns.
function ask<T>(session: Session, method: string, parameters: object): T {
  let failure: Error | null = null;
  let answer: unknown;
  session.post(method, parameters, (error, result) => {
    failure = error;
    answer = result;
  });
  if (failure !== null) throw new Error(`${method}: ${(failure as Error).message}`);
  return answer as T;
}
