/**
 * Module hooks that run in a thread of the process (`module.register`, `--experimental-loader`). A fork does not copy the
 * thread, and whoever loads a module would wait for its answer for ever.
 */
import { boxed, type Inspector, inspecting } from './inspecting.js';

const hooksModule = 'NativeModule internal/modules/esm/hooks';

/** Whether there are such hooks. */
export function hookedIn(): boolean {
  // Undocumented. Where it is missing, an import in a child shows: it never settles.
  const { moduleLoadList = [] } = process as unknown as { moduleLoadList?: readonly string[] };
  return moduleLoadList.includes(hooksModule);
}

/** What Node's loader calls the hooks: up to Node 22, and from then on. */
const fields = ['customizations', 'asyncLoaderHooks'];

/**
 * In a forked child: modules are loaded without hooks from now on, as if none had been registered. What only they can
 * load is an error of Node's.
 *
 * @returns whether that could be arranged; true if there are none
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
  // Without a loader nothing was loaded by it, and nobody was asked to change that.
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
