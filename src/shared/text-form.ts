/** What `util.inspect` shows of shared objects, in the words of Python's `repr`. */
import { inspect } from 'node:util';

interface Named {
  readonly name: string | undefined;
}

/** `<Semaphore(value=3)>`, and the name if it has one. Without parts it is closed. */
export function textForm(object: Named, parts: readonly string[] | undefined): string {
  const all = parts === undefined ? ['closed'] : [...parts];
  if (object.name !== undefined) all.push(`name=${inspect(object.name)}`);
  return `<${object.constructor.name}(${all.join(', ')})>`;
}

/** `<Event unset>`, with the name in between if it has one. */
export function stateForm(object: Named, state: string): string {
  const name = object.name === undefined ? '' : ` name=${inspect(object.name)}`;
  return `<${object.constructor.name}${name} ${state}>`;
}
