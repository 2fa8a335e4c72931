/**
 * A ring whose words somebody has overwritten: every call answers, with what is there or with an error of ours. None hangs,
 * reads or writes elsewhere, or keeps a lock.
 *
 * MULTIPROC_DAMAGE_ROUNDS sets how often many words are damaged at once (default 300 for each kind of ring).
 */
import { MultiprocError } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';

leaveNothing(t);
t.setTimeout(300_000);

const internals = await import(new URL('../../dist/internals.js', import.meta.url).href);
const { Ring, obtainRing, ringWords, getEnd, keptWords, ledgerWords, BlockKind, layout, now, participant } = internals;
const { finish, mostUnits } = internals;

const rounds = Number(process.env.MULTIPROC_DAMAGE_ROUNDS ?? 300);
participant.attach();
const me: number = participant.me;
/** The same slot at another time: dead. */
const deadOne = (me ^ 0x2000) & layout.ownerMask;
const hostile = [1, 2, 3, 31, 0x5000, 0x7fffffff, -1, -2, -0x80000000, 1 << 30, deadOne, deadOne | layout.dirty];

const large = Buffer.alloc(100_000, 'large');
const reader = {
  read(window: { units: number }) {
    window.units = 1;
    return 1;
  },
  claim() {},
};

type Ring = InstanceType<typeof Ring>;
const calls: Record<string, (ring: Ring) => unknown> = {
  length: (ring) => ring.length + ring.taken + ring.put + ring.state,
  tryPut: (ring) => ring.puts.tryPut(1, 1, 0),
  'tryPut, large': (ring) => ring.puts.tryPut(large, mostUnits(large), 0),
  tryPutMany: (ring) => ring.puts.tryPutMany(['text', 0.5, null, large], 0, 0),
  tryTake: (ring) => finish(ring.gets.take(0)),
  'tryTake, again': (ring) => finish(ring.gets.take(0)),
  tryTakeMany: (ring) => ring.gets.takeMany(20, 0),
  tryTakeRecord: (ring) => ring.tryTakeRecord(reader),
  settleGets: (ring) => ring.settleGets(),
  fits: (ring) => ring.fits(1000),
  finishWith: (ring) => ring.finishWith(1),
};
const joinableCalls: typeof calls = {
  look: (ring) => ring.look(),
  acknowledge: (ring) => acknowledge(ring),
  'acknowledge, again': (ring) => acknowledge(ring),
  take: (ring) => ring.gets.takeNamed(0),
  retry: (ring) => {
    for (const delivery of [...ring.gets.openHere]) delivery.settle({ form: 'retry', delay: 0 });
  },
  'take, again': (ring) => ring.gets.takeManyNamed(3, 0),
  fail: (ring) => {
    for (const delivery of [...ring.gets.openHere]) delivery.settle({ form: 'fail', reason: undefined });
  },
  deadLetters: (ring) => ring.gets.change((deliveries: { listDead(): unknown }) => deliveries.listDead()),
  isOver: (ring) => ring.gets.isOver(),
  allDone: (ring) => ring.allDone,
};
/** What `taskDone` does. */
function acknowledge(ring: Ring): unknown {
  if (!ring.gets.redelivers) return ring.gets.acknowledge();
  const [ticket] = ring.gets.openByGet();
  return ticket === undefined ? false : ring.gets.settleOwn(ticket);
}

/** They look for a while, so not everybody calls them. */
const waits: typeof calls = {
  waitForItems: (ring) => ring.waitForItems(now()),
  waitForTaken: (ring) => ring.waitForTaken(ring.taken, now()),
  waitForDone: (ring) => ring.waitForDone(now()),
};

for (const [title, kind, options] of [
  ['a queue', BlockKind.queue, { maxsize: 0, chains: true }],
  ['a bounded queue', BlockKind.queue, { maxsize: 7, chains: true }],
  ['a joinable queue', BlockKind.joinableQueue, { maxsize: 0, chains: true }],
  ['a joinable queue that redelivers', BlockKind.joinableQueue, { maxsize: 0, chains: true, redeliver: true }],
  ['a simple queue', BlockKind.simpleQueue, { maxsize: 0, chains: false }],
] as const) {
  t.test(`the words of ${title} are damaged`, (t) => {
    const block = obtainRing('create', kind, { capacity: 4_000_000, ...options });
    const at = (block.body + layout.ringOffset) / 4;
    const { words } = block.segment;
    const joinable = kind === BlockKind.joinableQueue;
    const first = new Ring(block);
    // Something of everything: it has wrapped, was in a larger extent, and somebody has not acknowledged what he took.
    for (let i = 0; i < 3; i++) first.puts.tryPut(large, mostUnits(large), 0);
    for (let i = 0; i < 3; i++) finish(first.gets.take(0));
    for (const value of ['a', { b: [1] }, 'c'.repeat(300), 4]) {
      if (mostUnits(value) > 0) first.puts.tryPut(value, mostUnits(value), 0);
    }
    first.close();
    const sound = words.slice(0, 24 * 4096);
    // The messages that are kept lie behind all else.
    const keptBytes = joinable ? (words[keptWords] as number) * 4096 : 0;
    const kept = new Int32Array(
      joinable ? block.segment.buffer(block.segment.size - keptBytes, 1 << 16) : new ArrayBuffer(8),
    );
    const soundKept = kept.slice();
    const damaged = [...Array.from({ length: ringWords }, (_, i) => at + i)];
    const entry = ledgerWords + (me & 0xfff) * 4;
    if (joinable) {
      damaged.push(...Array.from({ length: 48 }, (_, i) => keptWords + i), entry, entry + 1, entry + 2);
      // The headers of the first messages that are kept.
      damaged.push(...Array.from({ length: 24 }, (_, i) => -1 - i));
    }
    const all = { ...calls, ...(joinable ? joinableCalls : {}) };
    let checks = 0;
    let answers = 0;
    let errors = 0;

    const spoil = (word: number, value: number) => {
      if (word >= 0) words[word] = value;
      else kept[-1 - word] = value;
    };
    const check = (what: string, damage: () => void) => {
      words.set(sound);
      kept.set(soundKept);
      let ring: Ring | undefined;
      const attempt = (name: string, call: () => unknown) => {
        try {
          call();
          answers++;
        } catch (error) {
          errors++;
          if (error instanceof MultiprocError) return;
          throw new Error(`${name}, ${what}: ${(error as Error).stack}`);
        }
        for (const lock of [at, at + getEnd]) {
          const owner = (words[lock] as number) & layout.ownerMask;
          if (owner === me) throw new Error(`${name}, ${what}: the lock is kept`);
        }
      };
      damage();
      // What is read once, at the beginning, is checked there.
      attempt('open', () => {
        ring = new Ring(block);
      });
      if (ring === undefined) {
        words.set(sound);
        ring = new Ring(block);
        damage();
      }
      const some = checks++ % 32 === 0 ? { ...waits, ...all } : all;
      for (const [name, call] of Object.entries(some)) {
        attempt(name, () => call(ring));
      }
      ring.close();
    };

    for (const word of damaged) {
      for (const value of hostile) {
        check(`word ${word - at} is ${value}`, () => {
          spoil(word, value);
        });
        // With a dead owner's lock it is mended first.
        check(`word ${word - at} is ${value}, and both owners are dead`, () => {
          words[at] = deadOne;
          words[at + getEnd] = deadOne;
          spoil(word, value);
        });
      }
    }
    let state = 12345;
    const random = () => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return state / 2 ** 31;
    };
    for (let round = 0; round < rounds; round++) {
      check(`many words, round ${round}`, () => {
        for (let n = Math.ceil(random() * 20); n > 0; n--) {
          const word = damaged[Math.floor(random() * damaged.length)] as number;
          const value = random() < 0.5 ? hostile[Math.floor(random() * hostile.length)] : Math.floor(random() * 300);
          spoil(word, value as number);
        }
        // The records, too.
        if (random() < 0.5) for (let i = 18 * 1024; i < 19 * 1024; i++) words[i] = Math.floor(random() * 2 ** 32);
      });
    }
    t.comment(`${answers} answers, ${errors} errors`);
    t.ok(answers > 0 && errors > 0);
    words.set(sound);
    block.release();
    t.end();
  });
}
