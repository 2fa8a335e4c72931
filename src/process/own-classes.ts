/** The classes of processes that are this package's: their objects need no module of the program in the child. */
const ownClasses = new WeakSet<object>();

/** Marks a class of this package: its name is for the eye, children do not need it. */
export function isOwnClass(processClass: object): void {
  ownClasses.add(processClass);
}

/** The class of the object, if it is a program's. */
export function subclassOf(object: object): unknown {
  return ownClasses.has(object.constructor) ? undefined : object.constructor;
}
