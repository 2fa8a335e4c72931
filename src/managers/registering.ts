/** The types of objects that each class of managers has: its own, and at first those of the class that it extends. */
import { ValueError } from '../errors.js';
import { checkOptions } from '../shared/options.js';
import type { Registry, TypeOptions } from './registry.js';

const registries = new WeakMap<object, Map<string, TypeOptions>>();

/** What the class knows. */
export function registryOf(managerClass: object): Registry {
  for (let each: object | null = managerClass; each !== null; each = Object.getPrototypeOf(each)) {
    const registry = registries.get(each);
    if (registry !== undefined) return registry;
  }
  return new Map();
}

/** @throws TypeError for wrong types; ValueError for a name that every manager has a member of */
export function addType(
  managerClass: { prototype: object },
  typeid: unknown,
  options: unknown,
  taken: object,
): TypeOptions {
  if (typeof typeid !== 'string' || typeid === '') {
    throw new TypeError(`Expected "typeid" to be a text, got ${typeof typeid}`);
  }
  if (typeid in taken || typeid === 'then')
    throw new ValueError(`Expected another typeid than '${typeid}': managers have it`);
  const checked = checkTypeOptions(options);
  let registry = registries.get(managerClass);
  if (registry === undefined) {
    registry = new Map(registryOf(managerClass));
    registries.set(managerClass, registry);
  }
  registry.set(typeid, checked);
  return checked;
}

function checkTypeOptions(options: unknown = {}): TypeOptions {
  checkOptions(options);
  const { callable, proxyType, exposed, methodToTypeid, createMethod } = options as Record<string, unknown>;
  for (const [name, value] of Object.entries({ callable, proxyType })) {
    if (value !== undefined && value !== null && typeof value !== 'function') {
      throw new TypeError(`Expected "${name}" to be a function or class, got ${typeof value}`);
    }
  }
  if (exposed !== undefined && exposed !== null && !isTexts(exposed)) {
    throw new TypeError('Expected "exposed" to be an array of names of methods');
  }
  if (methodToTypeid !== undefined && methodToTypeid !== null && !isTexts(Object.values(methodToTypeid))) {
    throw new TypeError('Expected "methodToTypeid" to be an object of typeids');
  }
  if (createMethod !== undefined && typeof createMethod !== 'boolean') {
    throw new TypeError(`Expected "createMethod" to be a boolean, got ${typeof createMethod}`);
  }
  return Object.freeze({
    callable: callable ?? undefined,
    proxyType: proxyType ?? undefined,
    exposed: exposed ?? undefined,
    methodToTypeid: methodToTypeid ?? undefined,
    createMethod: createMethod ?? true,
  }) as TypeOptions;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
