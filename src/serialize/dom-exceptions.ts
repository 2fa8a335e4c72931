/** DOMException, what an aborted signal throws: neither V8 nor its own fields can carry it. */
import { deserializeHook, serializeHook } from './classes.js';

interface Data {
  readonly message: string;
  readonly name: string;
  readonly stack: string;
}

/** Makes data of a DOMException, and one of data: the hooks that a class of the user would have. */
export const DomExceptions = {
  name: 'DOMException',

  [serializeHook]({ message, name, stack = '' }: DOMException): Data {
    return { message, name, stack };
  },

  [deserializeHook](data: unknown): DOMException {
    const { message, name, stack } = data as Data;
    const exception = new DOMException(String(message), String(name));
    Object.defineProperty(exception, 'stack', { value: String(stack), writable: true, configurable: true });
    return exception;
  },
};

export function isDomException(value: object): value is DOMException {
  return Object.getPrototypeOf(value) === DOMException.prototype;
}
