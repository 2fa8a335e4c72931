/** What iterating over an argument gives on the server, where that may be a proxy: the content of its object, as in CPython. */

import { isPromise } from 'node:util/types';
import { describe } from '../../options/describe.js';
import { holdOf, kindOf } from '../client/proxy.js';
import { LocalHold } from '../server/local-ref.js';
import { ManagedIterator } from './iterator.js';
import { checkCopied } from './traversal-limits.js';

type Items = Iterable<unknown>;

/** The method of each kind of object that gives what iterating over it does. */
const iteratedBy = new Map([
  ['list', 'values'],
  ['array', 'values'],
  ['set', 'values'],
  ['dict', 'keys'],
]);

/**
 * Calls `act` with what iterating over each argument gives: at once, unless one is a proxy of another server's object,
 * whose content has to be asked for first.
 *
 * @throws TypeError for a proxy of an object that cannot be iterated over
 */
export function withItems<T>(args: readonly unknown[], act: (...items: Items[]) => T): T | Promise<T> {
  return whenRead(contentsOf(args, itemsOf), act);
}

/** The same for entries: those of dicts, and any other argument as it is. */
export function withEntries<T, A>(args: readonly A[], act: (...contents: A[]) => T): T | Promise<T> {
  const contents = contentsOf(args, (arg) => (kindOf(arg) === 'dict' ? contentBy(arg, 'entries') : itemsOf(arg)));
  return whenRead(contents, act as (...contents: never[]) => T);
}

function whenRead<T>(contents: readonly unknown[], act: (...contents: never[]) => T): T | Promise<T> {
  if (!contents.some(isPromise)) return act(...(contents as never[]));
  return Promise.all(contents).then((ready) => act(...(ready as never[])));
}

/** What was copied out of objects of the server, or is given more than once, is counted: no bytes came for it. */
function contentsOf(args: readonly unknown[], read: (arg: unknown) => unknown): unknown[] {
  const given = new Set<unknown>();
  let copied = 0;
  return args.map((arg) => {
    const content = read(arg);
    if (content !== arg || given.has(arg)) copied += countOf(content);
    given.add(arg);
    checkCopied(copied);
    return content;
  });
}

function countOf(content: unknown): number {
  if (Array.isArray(content)) return content.length;
  return content instanceof Set || content instanceof Map ? content.size : 0;
}

function itemsOf(arg: unknown): unknown {
  const kind = kindOf(arg);
  if (kind === undefined) return arg;
  const method = iteratedBy.get(kind);
  if (method !== undefined) return contentBy(arg, method);
  const hold = holdOf(arg);
  const object = hold instanceof LocalHold ? hold.entry.object : undefined;
  if (object instanceof ManagedIterator || kind === 'iterator') return drained(arg as AsyncIterable<unknown>);
  if (isIterable(object)) return [...object];
  throw new TypeError(`Expected something that can be iterated over, got ${describe(arg)}`);
}

function contentBy(proxy: unknown, method: string): unknown {
  const hold = holdOf(proxy);
  return hold instanceof LocalHold ? hold.callSync(method, []) : hold?.call(method, []);
}

async function drained(iterator: AsyncIterable<unknown>): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of iterator) items.push(item);
  return items;
}

function isIterable(value: unknown): value is Items {
  return typeof (value as Partial<Items> | null | undefined)?.[Symbol.iterator] === 'function';
}
