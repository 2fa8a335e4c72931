/** Process classes of this package: their objects need no module of the program in the child. */
const ownClasses = new WeakSet<object>();

/** Marks a class of this package. */
export function isOwnClass(processClass: object): void {
  ownClasses.add(processClass);
}

/** Returns the class of the object, if it is one of the program. */
export function subclassOf(object: object): unknown {
  return ownClasses.has(object.constructor) ? undefined : object.constructor;
}
