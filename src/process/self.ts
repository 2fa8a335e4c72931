/** Identity of this process among those that multiproc started: the base of the names of its objects and children. */
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
  /** `threadId` of a Worker that is such a child itself. */
  thread: number | undefined;
  /** Number of Process objects that were constructed here. */
  constructed: number;
  /** The creator of this process; `undefined` in the main one. */
  creator: (Creator & { readonly sentinel: number }) | undefined;
  /** The program, as a URL, if the creator sent it. */
  main: string | undefined;
  /** The object of this process, once it is made. */
  object: object | undefined;
}

const keySize = 32;

/** Key of the environment data by which the program's Workers get the authkey. */
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
