/** A struct in shared memory with a lock of its own: its fields are properties beside `getLock`, `update` and `close`. */

import { inspect } from 'node:util';
import type { Wait } from '../deadline.js';
import { ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { describe } from '../options/describe.js';
import { type Departure, depart, HandleKind, type Traveller } from '../serialize/handles.js';
import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import { Block, BlockKind, blockOf, closedError, type Mode, type NameOptions } from './block.js';
import type { ArrayMembers, LockMembers } from './numeric-array.js';
import type { OwnLock } from './own-lock.js';
import type { Fields, FieldTypes, WrittenFields } from './struct.js';
import { layoutIn, obtainStructs, viewsOn } from './struct-block.js';
import { arrivedClass, type Instance, type InstanceClass, openerOf } from './struct-class.js';
import { assign, heldStructs } from './struct-copy.js';
import { findLayout } from './struct-layout.js';
import type { Views } from './struct-views.js';

/** What an update of a struct learns beside the struct. */
export interface UpdateState {
  /** A former holder of the lock died, or ended, while it held it: the struct may be half-changed. */
  readonly ownerDied: boolean;
  /** Says that the struct is in order again, as `getLock().markConsistent()` does. */
  markConsistent(): void;
}

/** What a value of a struct type has beside the fields. */
export interface StructMembers<F extends FieldTypes> extends ArrayMembers {
  /**
   * Changes the struct while its lock is held. `fn` is synchronous: it gets the struct itself, and changes its fields or
   * returns values for them.
   *
   * If a former holder of the lock died while it held it, `ownerDied` of the second argument is true, for this update and those
   * after it, until one calls its `markConsistent()`: some fields may have been changed by the dead one and others not.
   *
   * @returns a copy of the new struct, in ordinary memory
   * @throws TimeoutError if the time passed before the lock could be taken
   * @throws ValueError for a value without a lock; TypeError if `fn` returns a promise
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: for functions that return nothing
  update(fn: (struct: Fields<F>, state: UpdateState) => WrittenFields<F> | void, wait?: Wait): Promise<Fields<F>>;
  /** As {@link update}, blocking the thread. */
  // biome-ignore lint/suspicious/noConfusingVoidType: for functions that return nothing
  updateSync(fn: (struct: Fields<F>, state: UpdateState) => WrittenFields<F> | void, wait?: Wait): Fields<F>;
}

/** What `new RawValue(struct)` is. */
export type RawStructValue<F extends FieldTypes> = StructMembers<F> & Fields<F>;
/** What `new Value(struct)` is. */
export type StructValue<F extends FieldTypes> = RawStructValue<F> & LockMembers;

const withoutLockFlag = 2;

class LiveValue implements Traveller {
  readonly #struct: Instance;
  readonly #structClass: InstanceClass;
  readonly #name: string | undefined;
  /** `undefined` for a raw value. */
  readonly #lock: OwnLock | undefined;
  readonly #views: Views;
  #block: Block | undefined;

  static structOf(value: LiveValue): Record<string, unknown> {
    return value.#struct as unknown as Record<string, unknown>;
  }

  static isLocked(value: LiveValue): boolean {
    return value.#lock !== undefined;
  }

  constructor(block: Block, struct: InstanceClass, lock: OwnLock | undefined) {
    refuseClones(this);
    this.#views = viewsOn(block, findLayout(struct) as NonNullable<ReturnType<typeof findLayout>>);
    this.#struct = openerOf(struct)(this.#views, 0);
    this.#structClass = struct;
    heldStructs.set(this, this.#struct);
    this.#name = block.name;
    this.#lock = lock;
    this.#block = block;
  }

  get name(): string | undefined {
    return this.#name;
  }

  async update(fn: (struct: never, state: UpdateState) => unknown, wait?: Wait): Promise<unknown> {
    const lock = this.#lockFor(fn);
    return lock.run(() => this.#change(fn, lock), wait);
  }

  updateSync(fn: (struct: never, state: UpdateState) => unknown, wait?: Wait): unknown {
    const lock = this.#lockFor(fn);
    return lock.runSync(() => this.#change(fn, lock), wait);
  }

  close(): void {
    const block = this.#block;
    if (block === undefined) return;
    this.#block = undefined;
    this.#lock?.close();
    block.segment.detach(this.#views.buffer);
    this.#views.close();
    block.release();
  }

  unlink(): void {
    if (this.#name !== undefined) Block.unlink(this.#name);
  }

  getLock(): Lock | RLock {
    if (this.#lock === undefined) throw new ValueError('A RawValue has no lock');
    return this.#lock.get(this.#block, 'Value');
  }

  [blockOf](): Block {
    if (this.#block === undefined) throw closedError('Value');
    return this.#block;
  }

  [depart](): Departure {
    if (this.#block === undefined) throw closedError('Value');
    const given = this.#lock?.given;
    const kind = this.#lock === undefined ? HandleKind.rawValue : HandleKind.value;
    return this.#block.depart(kind, given === false ? withoutLockFlag : 0, given ? [given] : []);
  }

  toJSON(): unknown {
    return (this.#struct as unknown as { toJSON(): unknown }).toJSON();
  }

  [inspect.custom](): unknown {
    return this.#block === undefined ? '<Value(closed)>' : this.#struct;
  }

  #lockFor(fn: unknown): Lock | RLock {
    if (typeof fn !== 'function') throw new TypeError(`Expected "fn" to be a function, got ${describe(fn)}`);
    return this.getLock();
  }

  #change(fn: (struct: never, state: UpdateState) => unknown, lock: Lock | RLock): unknown {
    const { ownerDied } = lock;
    const result = fn(this.#struct as never, { ownerDied, markConsistent: () => lock.markConsistent() });
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
      throw new TypeError('Expected "fn" to be synchronous, but it returned a promise');
    }
    if (result === undefined || result === this.#struct) return new this.#structClass(this.#struct);
    // First in ordinary memory: a value that does not fit must not leave the others changed.
    const changed = new this.#structClass(this.#struct);
    assign(changed, result);
    assign(this.#struct, changed);
    return changed;
  }
}
isNoData(LiveValue);

const members = new Set([...Object.getOwnPropertyNames(LiveValue.prototype), 'value']);
const classes = new WeakMap<InstanceClass, typeof LiveValue>();

/** Whether it is a value of a struct type; `locked`: one that may have a lock. */
export function isStructValue(value: unknown, locked: boolean): boolean {
  return value instanceof LiveValue && LiveValue.isLocked(value) === locked;
}

/**
 * Makes or opens the value of a struct type that a constructor asks for; `undefined` if the type is another one.
 *
 * @throws TypeError for a field named like a member of a value
 */
export function obtainStructValue(
  mode: Mode,
  type: unknown,
  initial: unknown,
  options: NameOptions | undefined,
  lock: () => OwnLock | undefined,
): object | undefined {
  const layout = findLayout(type);
  if (layout === undefined) return undefined;
  const struct = type as InstanceClass;
  const shown = valueClass(struct);
  const own = lock();
  const fill = initial === undefined ? undefined : (views: Views) => assign(openerOf(struct)(views, 0), initial);
  const block = obtainStructs(mode, BlockKind.value, layout, 1, options, fill);
  return new shown(block, struct, own);
}

/** The value in a block of structs that was opened, or came by handle. */
export function structValueOver(block: Block, lock: OwnLock | undefined): object {
  const struct = arrivedClass(layoutIn(block));
  return new (valueClass(struct))(block, struct, lock);
}

function valueClass(struct: InstanceClass): typeof LiveValue {
  let made = classes.get(struct);
  if (made === undefined) {
    made = class Value extends LiveValue {};
    for (const { name } of findLayout(struct)?.fields ?? []) {
      if (members.has(name)) throw new TypeError(`A field of a Value cannot be called "${name}", as a member is`);
      Object.defineProperty(made.prototype, name, {
        get(this: LiveValue) {
          return LiveValue.structOf(this)[name];
        },
        set(this: LiveValue, value: unknown) {
          LiveValue.structOf(this)[name] = value;
        },
        enumerable: true,
        configurable: true,
      });
    }
    classes.set(struct, made);
  }
  return made;
}
