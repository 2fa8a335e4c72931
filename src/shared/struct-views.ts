/** Views: one typed array of each kind that some structs' fields need, over the memory that the structs lie in. */
import { closedError } from './block.js';
import type { StructLayout } from './struct-layout.js';

export class Views {
  readonly buffer: ArrayBuffer;
  b: Int8Array;
  /** All bytes, whatever the fields are. */
  B: Uint8Array;
  h: Int16Array;
  H: Uint16Array;
  i: Int32Array;
  I: Uint32Array;
  q: BigInt64Array;
  Q: BigUint64Array;
  f: Float32Array;
  d: Float64Array;

  /** @param bytes of the structs, at the start of the buffer */
  constructor(buffer: ArrayBuffer, { codes }: StructLayout, bytes: number) {
    this.buffer = buffer;
    this.b = codes.has('b') ? new Int8Array(buffer, 0, bytes) : unused.b;
    this.B = new Uint8Array(buffer, 0, bytes);
    this.h = codes.has('h') ? new Int16Array(buffer, 0, bytes / 2) : unused.h;
    this.H = codes.has('H') ? new Uint16Array(buffer, 0, bytes / 2) : unused.H;
    this.i = codes.has('i') ? new Int32Array(buffer, 0, bytes / 4) : unused.i;
    this.I = codes.has('I') || codes.has('u') ? new Uint32Array(buffer, 0, bytes / 4) : unused.I;
    this.q = codes.has('q') ? new BigInt64Array(buffer, 0, bytes / 8) : unused.q;
    this.Q = codes.has('Q') ? new BigUint64Array(buffer, 0, bytes / 8) : unused.Q;
    this.f = codes.has('f') ? new Float32Array(buffer, 0, bytes / 4) : unused.f;
    this.d = codes.has('d') ? new Float64Array(buffer, 0, bytes / 8) : unused.d;
  }

  /** Called when the memory is let go: from now on each access to an element fails with `ClosedError`. */
  close(): void {
    for (const code of codes) this[code] = gone as never;
  }

  /** Itself. Fails with `ClosedError` when closed. */
  opened(): this {
    if (this.B === (gone as never)) throw closedError('struct');
    return this;
  }
}

const codes = ['b', 'B', 'h', 'H', 'i', 'I', 'q', 'Q', 'f', 'd'] as const;

/** Takes the place of closed views, so that the accessors of fields need not ask each time. */
const gone = new Proxy(
  {},
  {
    get() {
      throw closedError('struct');
    },
    set() {
      throw closedError('struct');
    },
  },
);

/** All views have the same shape, so that the code that reads them stays fast. */
const unused = {
  b: new Int8Array(0),
  h: new Int16Array(0),
  H: new Uint16Array(0),
  i: new Int32Array(0),
  I: new Uint32Array(0),
  q: new BigInt64Array(0),
  Q: new BigUint64Array(0),
  f: new Float32Array(0),
  d: new Float64Array(0),
};
