/** Who this process is among those that multiproc started: what its own objects and its children are named after. */
import { getEnvironmentData, setEnvironmentData, threadId } from 'node:worker_threads';
import { randomBytes } from '../lifecycle/random-bytes.js';
import { nameRecordsBy } from '../logging.js';
import type { Errand } from './errand.js';
import type { ChildFacts, Creator } from './facts.js';

/** The state of this process; a child's is set before any module of the program is loaded. */
export interface Self {
  name: string;
  identity: readonly number[];
  daemon: boolean;
  authkey: Buffer;
  /** Of a Worker that is such a child itself: its `threadId`. */
  thread: number | undefined;
  /** How many Process objects were constructed here. */
  constructed: number;
  /** Who started this process; `undefined` in the main one. */
  creator: (Creator & { readonly sentinel: number }) | undefined;
  /** The program, as a URL, where the creator said so. */
  main: string | undefined;
  /** The object that stands for this process, once there is one. */
  object: object | undefined;
}

const keySize = 32;

/** Under this name Workers that the program makes find the key. */
const keyName = 'multiproc:authkey';

let key = inheritedKey();
if (key === undefined) setKey(randomBytes(keySize));

export const self: Self = {
  name: 'MainProcess',
  identity: [],
  daemon: false,
  get authkey() {
    return key as Buffer;
  },
  set authkey(bytes) {
    setKey(bytes);
  },
  thread: undefined,
  constructed: 0,
  creator: undefined,
  main: undefined,
  object: undefined,
};

nameRecordsBy(() => self.name);

/** Makes this process the child that the facts describe. */
export function becomeChild(facts: ChildFacts, errand: Errand): void {
  self.name = facts.name;
  self.identity = facts.identity;
  self.daemon = facts.daemon;
  self.authkey = Buffer.from(facts.authkey);
  self.thread = errand.shared ? threadId : undefined;
  self.constructed = 0;
  self.creator = { ...facts.creator, sentinel: errand.creator };
  self.main = facts.main;
  self.object = undefined;
}

function setKey(bytes: Buffer): void {
  key = bytes;
  setEnvironmentData(keyName, bytes);
}

function inheritedKey(): Buffer | undefined {
  const bytes = getEnvironmentData(keyName);
  return bytes instanceof Uint8Array ? Buffer.from(bytes) : undefined;
}
