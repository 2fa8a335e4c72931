/** Whether the message that is being read may name a function or class. */
import { currentOrigin } from './afar.js';
import type { Reference } from './references.js';
import { registeredAs } from './registered.js';

/**
 * A message of this very user may name any module. One of another machine or user may name modules that the program allowed,
 * and what was registered here already: nothing is loaded because of it otherwise, and no other function of a module that
 * is loaded already can be reached.
 *
 * @throws TypeError that names the module and the cure
 */
export function checkAllowed(reference: Reference): void {
  const origin = currentOrigin();
  if (origin === undefined || origin.modules.has(reference.module)) return;
  const { registered, module, export: name } = reference;
  if (registered !== undefined && registeredAs(registered) !== undefined) return;
  const what = registered === undefined ? `The export ${name}` : `What was registered as '${registered}'`;
  throw new TypeError(
    `${what} of ${module} came over the network or from another user, for whom no module is loaded: use register('name', fn) ` +
      `on both sides before, or allow the module with the option { modules: ['${module}'] } of Listener, Client or the manager`,
  );
}
