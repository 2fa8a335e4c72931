/**
 * Module hooks that run in a thread of the process (`module.register`, `--experimental-loader`). A fork does not copy
 * the thread, and code that loads a module would wait for its answer indefinitely.
 */
import { boxed, type Inspector, inspecting } from './inspecting.js';

const hooksModule = 'NativeModule internal/modules/esm/hooks';

/** Whether there are such hooks. */
export function hookedIn(): boolean {
  // Undocumented. Where it is missing, an import in a child shows: it never settles.
  const { moduleLoadList = [] } = process as unknown as { moduleLoadList?: readonly string[] };
  return moduleLoadList.includes(hooksModule);
}

/** Names of the hooks in Node's loader: up to Node 22, and later. */
const fields = ['customizations', 'asyncLoaderHooks'];

/**
 * Removes the hooks in a forked child: modules are loaded as if none had been registered. A module that only they can
 * load is an error of Node's.
 *
 * @returns whether that could be arranged; true without hooks
 */
export function dropModuleHooks(): boolean {
  if (!hookedIn()) return true;
  try {
    return inspecting(drop);
  } catch {
    return false; // This Node is another than those known here.
  }
}

// Nothing but variables of Node's functions and a private field lead there; the inspector opens both.
function drop(inspector: Inspector): boolean {
  const { register } = process.getBuiltinModule('node:module');
  const { cascadedLoader } = inspector.variables(inspector.scopesOf(register)[0]);
  // Without a loader no module was loaded by it, and no hook was registered.
  if (cascadedLoader === undefined) return true;
  const privates = () => inspector.properties(inspector.show(cascadedLoader)).privateProperties ?? [];
  const names = privates().map(({ name }) => name);
  const field = fields.find((one) => names.includes(`#${one}`));
  if (field === undefined) return false;
  // Private names outside of their class are understood in this mode only. It is over before the answer comes.
  inspector.session.post('Runtime.evaluate', { expression: `${boxed}.#${field} = undefined`, replMode: true });
  const now = privates().find(({ name }) => name === `#${field}`);
  return now?.value !== undefined && now.value.objectId === undefined;
}
