/** Event on a Redis server: a flag that programs of any machine set, clear and wait for. */
import { parseWait, type Wait } from '../deadline.js';
import type { ClosedError } from '../errors.js';
import { type NameOptions, nameOptions } from '../shared/block.js';
import { Broadcast } from './bell.js';
import { noSync } from './errors.js';
import type { Link } from './link.js';
import { RedisObject } from './object.js';
import { Script } from './script.js';
import { type Tried, waitOn } from './wait.js';

const setFlag = new Script(
  'setting an event',
  `
  if call('HGET', KEYS[1], 'set') == '1' then return 0 end
  local change = call('HINCRBY', KEYS[1], 'change', 1)
  call('HSET', KEYS[1], 'set', '1')
  call('XADD', KEYS[2], 'MAXLEN', 1, change .. '-0', 's', '1')
  return 1
`,
);
const clearFlag = new Script(
  'clearing an event',
  `if call('EXISTS', KEYS[1]) == 1 then call('HSET', KEYS[1], 'set', '0') end return 1`,
);
const look = new Script(
  'looking at an event',
  `local h = call('HMGET', KEYS[1], 'set', 'change') return { h[1] == '1' and 1 or 0, tonumber(h[2] or 0) }`,
);

/** A flag that is clear at first. `set()` wakes all waiters of that moment, also if `clear()` follows at once. */
export class RedisEvent extends RedisObject {
  readonly #news: Broadcast;

  /** @internal */
  constructor(link: Link, kind: string, options: NameOptions | undefined) {
    nameOptions.check(options, kind);
    super(link, kind, options);
    this.#news = new Broadcast(link, this.key('news'));
  }

  /** Sets the flag and wakes all waiters; does nothing if it is set already. */
  async set(): Promise<void> {
    this.checkOpen();
    await this.link.run(setFlag, [this.key('state'), this.key('news')], []);
  }

  /** Clears the flag: later waits wait. */
  async clear(): Promise<void> {
    this.checkOpen();
    await this.link.run(clearFlag, [this.key('state')], []);
  }

  /** Whether the flag is set at this moment. */
  async isSet(): Promise<boolean> {
    this.checkOpen();
    return (await this.#look())[0] === 1;
  }

  /**
   * Waits until the flag is set.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit
   * @returns `false` if the time passed; rejects with the signal's reason
   */
  async wait(wait?: Wait): Promise<boolean> {
    const parsed = parseWait(wait);
    this.checkOpen();
    parsed.signal?.throwIfAborted();
    let first: number | undefined;
    const happened = await waitOn(this.#news, parsed, async (patient): Promise<Tried<true>> => {
      const [isSet, change] = await this.#look(patient);
      if (this.isClosed) throw this.closedError();
      first ??= change;
      return isSet === 1 || change !== first ? { done: true } : { seen: change };
    });
    return happened === true;
  }

  /** Throws: an answer of Redis needs the event loop. */
  waitSync(_wait?: Wait): never {
    throw noSync('waitSync()', 'wait()');
  }

  /** @internal */
  protected override closing(error: ClosedError): void {
    this.#news.close(error);
  }

  async #look(patient = false): Promise<[number, number]> {
    return (await this.link.run(look, [this.key('state')], [], { patient })) as [number, number];
  }
}
