/** Decoding of the values in outcomes: some need a module that has to be imported first, which takes time. */
import { finishValue, prepareValues, prepareValuesNow, refers } from './payload.js';

/** A request to decode a value. */
export interface Wish {
  made(value: unknown): void;
  failed(error: unknown): void;
  /**
   * Called with the reason why the value cannot be decoded while the thread is blocked; without it, that is a failure.
   */
  stuck?(error: unknown): void;
}

/** A value that waits for its modules. */
interface Making {
  readonly values: unknown[];
  /** Decodes the value. */
  finish(): void;
  stuck(error: unknown): void;
  /** Whether a decode without import was tried. */
  isHurried: boolean;
}

export class Makings {
  readonly #pending = new Set<Making>();
  readonly #onLate: () => void;

  /** @param onLate called after each value that was not decoded at once */
  constructor(onLate: () => void) {
    this.#onLate = onLate;
  }

  /** Number of values that are not decoded yet. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Decodes one value, or reports the failure.
   *
   * @param isBlocked whether the thread is blocked: nothing is imported then
   */
  make(values: unknown[], isBlocked: boolean, wish: Wish): void {
    // Checked before an import begins, which would be in the way.
    const against = isBlocked && refers(values) ? reasonAgainst(values) : undefined;
    const mustImport = refers(values) && (!isBlocked || against !== undefined);
    const ready = mustImport ? prepareValues(values) : undefined;
    if (ready === undefined) {
      makeNow(values, wish);
      return;
    }
    const finish = () => {
      if (!this.#pending.delete(making)) return;
      makeNow(values, wish);
      this.#onLate();
    };
    const stuck = (error: unknown) => {
      if (wish.stuck !== undefined) wish.stuck(error);
      else if (this.#pending.delete(making)) wish.failed(error);
    };
    const making: Making = { values, finish, stuck, isHurried: isBlocked };
    this.#pending.add(making);
    ready.then(finish, finish);
    if (against !== undefined) making.stuck(against);
  }

  /** Decodes pending values now, while the thread is blocked, if their modules can be required. */
  hurry(): void {
    for (const making of this.#pending) {
      if (making.isHurried) continue;
      making.isHurried = true;
      const against = reasonAgainst(making.values);
      if (against === undefined) making.finish();
      else making.stuck(against);
    }
  }
}

function makeNow(values: unknown[], { made, failed }: Wish): void {
  let value: unknown;
  try {
    value = finishValue(values[0]);
  } catch (error) {
    failed(error);
    return;
  }
  made(value);
}

/** Why the values cannot be decoded while the thread is blocked; `undefined` if they can. */
function reasonAgainst(values: readonly unknown[]): unknown {
  try {
    prepareValuesNow(values);
    return undefined;
  } catch (error) {
    return error;
  }
}
