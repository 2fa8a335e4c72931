/** What a manager's class knows: the types of objects that it makes. */

type Callable = (...args: never[]) => unknown;

/** What a type of objects is, as `BaseManager.register` is told. */
export interface TypeOptions {
  /** Makes the object, or returns one that is there; a class is constructed. Only the server needs it. */
  callable?: Callable | (abstract new (...args: never[]) => unknown) | null | undefined;
  /** The class of the proxies, which extends `BaseProxy`. Default: one that fits the object. */
  proxyType?: (abstract new (...args: never[]) => unknown) | null | undefined;
  /** The names of the methods that clients may call, instead of all without a leading underscore. */
  exposed?: readonly string[] | null | undefined;
  /** Methods whose results stay on the server, and of which type these are: the caller gets a proxy. */
  methodToTypeid?: Readonly<Record<string, string>> | null | undefined;
  /** Whether managers get a method of that name. Default `true`. */
  createMethod?: boolean | undefined;
}

/** A type as it was registered: without nulls. */
export type RegisteredType = { readonly [Name in keyof TypeOptions]: Exclude<TypeOptions[Name], null> };

export type Registry = ReadonlyMap<string, RegisteredType>;
