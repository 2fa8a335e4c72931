/** The types of objects that each class of managers has: its own, and at first those of the class that it extends. */

import { ValueError } from '../../errors.js';
import { describe } from '../../options/describe.js';
import { boolean, callable, kind, nullable } from '../../options/kinds.js';
import { OptionTable } from '../../options/table.js';
import type { RegisteredType, Registry, TypeOptions } from './registered-type.js';

const registries = new WeakMap<object, Map<string, RegisteredType>>();

/** What the class knows. */
export function registryOf(managerClass: object): Registry {
  for (let each: object | null = managerClass; each !== null; each = Object.getPrototypeOf(each)) {
    const registry = registries.get(each);
    if (registry !== undefined) return registry;
  }
  return new Map();
}

type ArgumentCheck = (args: readonly unknown[]) => void;

/** By type: what is checked where an object of it is asked for, before the server is. */
const argumentChecks = new WeakMap<RegisteredType, ArgumentCheck[]>();

/** Checks the arguments with which objects of a registered type are made, also for classes that extend the class. */
export function checksArguments(managerClass: object, typeid: string, check: ArgumentCheck): void {
  const type = registryOf(managerClass).get(typeid) as RegisteredType;
  argumentChecks.set(type, [...(argumentChecks.get(type) ?? []), check]);
}

/** @throws what the checks of the type throw */
export function checkArguments(managerClass: object, typeid: string, args: readonly unknown[]): void {
  const type = registryOf(managerClass).get(typeid);
  for (const check of (type && argumentChecks.get(type)) ?? []) check(args);
}

/** @throws TypeError for wrong types; ValueError for a name that every manager has a member of */
export function addType(
  managerClass: { prototype: object },
  typeid: unknown,
  options: unknown,
  taken: object,
): RegisteredType {
  if (typeof typeid !== 'string' || typeid === '') {
    throw new TypeError(`Expected "typeid" to be a text, got ${describe(typeid)}`);
  }
  if (typeid in taken || typeid === 'then')
    throw new ValueError(`Expected another typeid than '${typeid}': managers have it`);
  const checked = readTypeOptions(options as TypeOptions | undefined);
  let registry = registries.get(managerClass);
  if (registry === undefined) {
    registry = new Map(registryOf(managerClass));
    registries.set(managerClass, registry);
  }
  registry.set(typeid, checked);
  return checked;
}

const typeOptions = new OptionTable<TypeOptions>({
  callable: nullable(callable<Exclude<TypeOptions['callable'], null | undefined>>('a function or class')),
  proxyType: nullable(callable<Exclude<TypeOptions['proxyType'], null | undefined>>('a function or class')),
  exposed: nullable(kind<readonly string[]>('an array of names of methods', isTexts)),
  methodToTypeid: nullable(
    kind<Readonly<Record<string, string>>>(
      'an object of typeids',
      (value) => typeof value === 'object' && value !== null && isTexts(Object.values(value)),
    ),
  ),
  createMethod: boolean,
});

function readTypeOptions(options: TypeOptions = {}): RegisteredType {
  typeOptions.check(options, 'register');
  const { callable, proxyType, exposed, methodToTypeid, createMethod } = options;
  return Object.freeze({
    callable: callable ?? undefined,
    proxyType: proxyType ?? undefined,
    exposed: exposed ?? undefined,
    methodToTypeid: methodToTypeid ?? undefined,
    createMethod: createMethod ?? true,
  });
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
