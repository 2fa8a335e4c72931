/** `proxy.sync`: the same object, by calls that block the thread, and by plain properties where it has such. */
import { inspect } from 'node:util';
import { now, parseSyncWait, type Wait } from '../../deadline.js';
import { TimeoutError } from '../../errors.js';
import type { ProxyDetails } from '../protocol/proxy-scope.js';
import { attributesOf, methodsOf } from '../types/managed-methods.js';
import type { Hold } from './object-ref.js';
import { isProbe } from './probed-names.js';

/** An index of a list, as a property's name. */
const indexPattern = /^-?(?:0|[1-9]\d{0,15})$/;

export function syncTwin(hold: Hold, details: ProxyDetails, proxy: object): object {
  const twin = new Twin(hold, details, proxy);
  // What `inspect` shows is asked of the target, past the traps.
  return new Proxy({ [inspect.custom]: () => twin.show() }, twin);
}

class Twin implements ProxyHandler<object> {
  readonly #hold: Hold;
  readonly #details: ProxyDetails;
  readonly #proxy: object;
  readonly #cached = new Map<string | symbol, unknown>();
  /** `methods` win over properties. */
  readonly #methods: ReadonlySet<string> | undefined;
  readonly #attributes: ReadonlySet<string>;
  readonly #properties: 'keys' | 'indices' | 'none';

  constructor(hold: Hold, details: ProxyDetails, proxy: object) {
    this.#hold = hold;
    this.#details = details;
    this.#proxy = proxy;
    this.#methods = methodsOf(details.kind);
    this.#attributes = attributesOf(details.kind);
    this.#properties = propertiesOf(details.kind);
  }

  get(_target: object, name: string | symbol): unknown {
    if (typeof name === 'symbol') return this.#symbol(name);
    if (name === 'then') return undefined;
    if (this.#attributes.has(name)) return this.#call(name);
    const own = this.#own(name);
    if (own !== undefined) return own;
    if (this.#isIndex(name)) return this.#call('get', Number(name));
    if (name === 'toJSON') return this.#json();
    if (marksOfTools.test(name)) return undefined;
    if (this.#properties === 'keys' && !this.#isMethod(name)) return this.#call('get', name);
    if (isProbe(name) && this.#methods?.has(name) !== true) return undefined;
    return this.#method(name);
  }

  set(_target: object, name: string | symbol, value: unknown): boolean {
    if (typeof name === 'symbol') return false;
    if (this.#isIndex(name)) this.#call('set', Number(name), value);
    else if (this.#properties === 'keys' && !this.#isMethod(name)) this.#call('set', name, value);
    else if (name === 'value' && this.#attributes.has(name)) this.#call('set', value);
    else throw new TypeError(`Expected a property that can be assigned, got "${name}" of ${String(this.#proxy)}`);
    return true;
  }

  has(_target: object, name: string | symbol): boolean {
    if (typeof name === 'symbol') return false;
    if (this.#isIndex(name)) return Number(name) < (this.#call('length') as number);
    return this.#properties === 'keys' ? (this.#call('has', name) as boolean) : this.#isMethod(name);
  }

  deleteProperty(_target: object, name: string | symbol): boolean {
    if (typeof name === 'symbol') return true;
    if (this.#properties !== 'keys') throw new TypeError(`Expected a key to delete, got "${name}" of ${this.#proxy}`);
    this.#call('delete', name);
    return true;
  }

  ownKeys(): string[] {
    if (this.#properties === 'indices') return Array.from({ length: this.#call('length') as number }, (_, i) => `${i}`);
    if (this.#properties !== 'keys') return [];
    return (this.#call('keys') as unknown[]).filter((key) => typeof key === 'string');
  }

  getOwnPropertyDescriptor(_target: object, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'symbol' || this.#properties === 'none' || !this.has({}, name)) return undefined;
    const value = this.#call('get', this.#isIndex(name) ? Number(name) : name);
    return { value, writable: true, enumerable: true, configurable: true };
  }

  defineProperty(): boolean {
    return false;
  }

  #isIndex(name: string): boolean {
    return this.#properties === 'indices' && indexPattern.test(name);
  }

  #isMethod(name: string): boolean {
    return this.#methods?.has(name) ?? true;
  }

  #call(name: string, ...args: unknown[]): unknown {
    return this.#hold.callSync(name, args);
  }

  #method(name: string): unknown {
    return this.#keep(
      name,
      () =>
        (...args: unknown[]) =>
          this.#hold.callSync(name, args.map(checkSync)),
    );
  }

  /** What does not go to the server under that name. */
  #own(name: string): unknown {
    switch (name) {
      case 'callMethod':
        return this.#keep(
          name,
          () =>
            (method: string, ...args: unknown[]) =>
              this.#call(method, ...args),
        );
      case 'toString':
        return this.#keep(name, () => () => this.#text());
      case 'constructor':
        return Object;
      case 'run':
      case 'hold':
        if (this.#methods?.has('release') !== true) return undefined;
        return this.#keep(name, () =>
          name === 'hold'
            ? (wait?: Wait) => this.#lock(wait)
            : <T>(fn: () => T, wait?: Wait) => this.#runLocked(fn, wait),
        );
      case 'waitFor':
        if (this.#methods?.has('notifyAll') !== true) return undefined;
        return this.#keep(name, () => (predicate: () => unknown, wait?: Wait) => this.#waitFor(predicate, wait));
      default:
        return undefined;
    }
  }

  #lock(wait: Wait): { release(): void; [Symbol.dispose](): void } {
    if (this.#call('acquire', checkSync(wait)) === false) throw new TimeoutError('The lock was not free in time');
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      this.#call('release');
    };
    return { release, [Symbol.dispose]: release };
  }

  #runLocked<T>(fn: () => T, wait: Wait): T {
    const lock = this.#lock(wait);
    try {
      return fn();
    } finally {
      lock.release();
    }
  }

  #waitFor(predicate: () => unknown, wait: Wait): boolean {
    const deadline = parseSyncWait(wait);
    for (;;) {
      if (predicate()) return true;
      const left = deadline === Infinity ? undefined : Math.ceil(deadline - now());
      if (left !== undefined && left <= 0) return false;
      this.#call('wait', left);
    }
  }

  #symbol(name: symbol): unknown {
    if (name === inspect.custom) return this.#keep(name, () => () => this.show());
    if (name === Symbol.toPrimitive) return this.#keep(name, () => () => this.#text());
    if (name === Symbol.iterator && this.#details.kind === 'iterator') {
      return this.#keep(name, () => () => this.#steps());
    }
    if (name === Symbol.iterator && iterable.has(this.#details.kind)) {
      return this.#keep(name, () => () => (this.#call(iteratedBy(this.#details.kind)) as unknown[])[Symbol.iterator]());
    }
    return undefined;
  }

  /** What `JSON.stringify` asks for: the content, as of data; the own properties of a dict or a namespace. */
  #json(): unknown {
    if (this.#properties === 'keys') return undefined;
    return this.#keep('toJSON', () => () => {
      try {
        return copied.has(this.#details.kind) ? this.#call('getValue') : String(this.#proxy);
      } catch {
        return String(this.#proxy);
      }
    });
  }

  #steps(): Iterator<unknown> & Iterable<unknown> {
    const steps = {
      next: () => this.#call('next') as IteratorResult<unknown>,
      return: () => this.#call('return') as IteratorResult<unknown>,
      [Symbol.iterator]: () => steps,
    };
    return steps;
  }

  /** Its content; what it stands for where that cannot be had. */
  show(): string {
    try {
      return this.#text();
    } catch {
      return String(this.#proxy);
    }
  }

  #text(): string {
    if (this.#details.kind === 'namespace') return this.#call('toText') as string;
    return copied.has(this.#details.kind) ? inspect(this.#call('getValue')) : String(this.#proxy);
  }

  #keep<T>(name: string | symbol, make: () => T): T {
    if (!this.#cached.has(name)) this.#cached.set(name, make());
    return this.#cached.get(name) as T;
  }
}

/** `$$typeof`, `@@__IMMUTABLE_ITERABLE__@@` …: asked of dicts, too, where other names are keys. */
const marksOfTools = /^(?:\$\$|@@)/;

const iterable = new Set(['list', 'array', 'dict', 'set']);
const copied = new Set(['list', 'array', 'dict', 'set', 'value']);

function iteratedBy(kind: string): string {
  return kind === 'dict' ? 'entries' : 'values';
}

function propertiesOf(kind: string): 'keys' | 'indices' | 'none' {
  if (kind === 'dict' || kind === 'namespace') return 'keys';
  return kind === 'list' || kind === 'array' ? 'indices' : 'none';
}

function checkSync(arg: unknown): unknown {
  if (typeof arg === 'object' && arg !== null && 'signal' in arg && arg.signal instanceof AbortSignal) {
    throw new TypeError('A blocking wait cannot take a "signal": no signal fires while the thread is blocked');
  }
  return arg;
}
