/** Shared objects of each class, as another user might name them in messages. */
import {
  Barrier,
  BoundedSemaphore,
  Condition,
  Event,
  JoinableQueue,
  Lock,
  Pipe,
  Queue,
  RateLimiter,
  RawArray,
  RawValue,
  RLock,
  Semaphore,
  ShareableList,
  SharedArray,
  SharedMap,
  SharedMemory,
  SimpleQueue,
  Value,
} from 'multiproc';

const makers: Readonly<Record<string, () => object>> = {
  Lock: () => new Lock(),
  RLock: () => new RLock(),
  Semaphore: () => new Semaphore(2),
  BoundedSemaphore: () => new BoundedSemaphore(2),
  Event: () => new Event(),
  Condition: () => new Condition(),
  Barrier: () => new Barrier(2),
  Value: () => new Value('i', 1),
  RawValue: () => new RawValue('i', 1),
  Array: () => new SharedArray('i', 4),
  RawArray: () => new RawArray('i', 4),
  SharedMemory: () => SharedMemory.create({ size: 4096 }),
  ShareableList: () => new ShareableList([1, 'two']),
  Queue: () => new Queue(),
  JoinableQueue: () => new JoinableQueue(),
  SimpleQueue: () => new SimpleQueue(),
  SharedMap: () => new SharedMap({ capacity: 2 ** 20 }),
  RateLimiter: () => new RateLimiter({ points: 5, duration: 1000, capacity: 2 ** 20 }),
  'end of a pipe': () => Pipe()[0],
};

const made = new Map<string, object>();

/** The object of that class, which stays open as long as the program runs. */
export function shared(name: string): object {
  const object = made.get(name) ?? (makers[name] as () => object)();
  made.set(name, object);
  return object;
}

/** Ways in which an object stands in a message. */
export const places: Readonly<Record<string, (object: object) => unknown>> = {
  'by itself': (object) => object,
  'in an array': (object) => [object],
  'as a key': (object) => new Map([[object, 1]]),
  'in a set in an object': (object) => ({ deep: new Set([object]) }),
  'in an error': (object) => Object.assign(new Error('of another user'), { object }),
};

/** The names of the classes. */
export const sharedNames = Object.keys(makers);
