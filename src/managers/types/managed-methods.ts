/** The kinds of objects that proxies know how to handle: which methods they have, and what reads like a property. */

interface Kind {
  readonly methods: readonly string[];
  /** Methods without arguments that proxies show as properties. */
  readonly attributes?: readonly string[];
}

const lockMethods = words('acquire tryAcquire release locked markConsistent');

const kinds: Readonly<Record<string, Kind>> = {
  list: {
    methods:
      words(`append extend insert remove pop clear index count sort reverse copy get set at delete push unshift shift
      splice slice concat fill copyWithin includes indexOf lastIndexOf join keys values entries forEach map filter find
      findIndex findLast findLastIndex some every reduce reduceRight flat flatMap toSorted toReversed toSpliced with iter`),
    attributes: ['length'],
  },
  dict: {
    methods: words(
      `get set has delete clear keys values entries items forEach pop popitem popItem setdefault setDefault
      update copy iter`,
    ),
    attributes: ['size'],
  },
  set: {
    methods:
      words(`add has delete clear keys values entries forEach discard remove pop update copy iter union intersection
      difference symmetricDifference issubset issuperset isdisjoint isSubset isSuperset isDisjoint
      isSubsetOf isSupersetOf isDisjointFrom`),
    attributes: ['size'],
  },
  namespace: { methods: words('get set has delete keys toText') },
  value: {
    methods: words('get set add sub and or xor exchange compareExchange'),
    attributes: ['value'],
  },
  array: {
    methods:
      words(`get set at fill copyWithin includes indexOf lastIndexOf join keys values entries map filter find findIndex
      some every reduce reduceRight slice sort reverse iter`),
    attributes: ['length'],
  },
  lock: { methods: lockMethods, attributes: ['ownerDied'] },
  semaphore: { methods: words('acquire tryAcquire release') },
  event: { methods: words('set clear isSet wait') },
  condition: { methods: [...lockMethods, ...words('wait notify notifyAll')], attributes: ['ownerDied'] },
  barrier: { methods: words('wait reset abort'), attributes: ['parties', 'nWaiting', 'broken'] },
  queue: {
    methods: words(`put putNoWait tryPut putMany get getNoWait tryGet getMany qsize empty full end`),
  },
  joinablequeue: {
    methods: words(`put putNoWait tryPut putMany get getNoWait tryGet getMany qsize empty full end taskDone join`),
  },
  iterator: { methods: words('next return') },
  pool: {
    methods: words(
      `run apply applyAsync map mapAsync starmap starmapAsync imap imapUnordered close terminate join stats`,
    ),
  },
  asyncresult: { methods: words('get wait ready successful') },
};

const methodSets = new Map(
  Object.entries(kinds).map(([kind, { methods, attributes = [] }]) => [
    kind,
    new Set([...methods, ...attributes, 'getValue']),
  ]),
);
const attributeSets = new Map(Object.entries(kinds).map(([kind, { attributes }]) => [kind, new Set(attributes ?? [])]));
const none: ReadonlySet<string> = new Set();

/** The methods that clients may call; `undefined` where the object itself says. */
export function methodsOf(kind: string): ReadonlySet<string> | undefined {
  return methodSets.get(kind);
}

/** What is called without arguments, and reads like a property. */
export function attributesOf(kind: string): ReadonlySet<string> {
  return attributeSets.get(kind) ?? none;
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
