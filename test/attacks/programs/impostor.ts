/** An attacker without the key: listens where clients of others connect, and between them and their listeners. */
import { chmodSync } from 'node:fs';
import { type Address, Client, type Connection, Listener, serialize } from 'multiproc';
import { values } from './bait.js';

const welcome = Buffer.from('#WELCOME#');
const challenge = Buffer.from('#CHALLENGE#');

/** A connection whose messages are taken as bytes. */
class Wire {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The next message; `undefined` when the other side has closed the connection. */
  take(): Promise<Buffer | undefined> {
    return this.#connection.recvBytes().catch(() => undefined);
  }

  give(message: Buffer): void {
    this.#connection.sendBytes(message).catch(() => {});
  }

  close(): void {
    this.#connection.close();
  }
}

let listener: Listener | undefined;

async function listen(address: Address): Promise<unknown> {
  listener = new Listener(address);
  if (typeof address === 'string' && !address.startsWith('\0')) chmodSync(address, 0o666);
  return listener.address;
}

async function client(): Promise<Wire> {
  return new Wire(await (listener as Listener).accept());
}

async function dial(address: Address): Promise<Wire> {
  return new Wire(await Client(address));
}

const fresh = () => Buffer.concat([challenge, Buffer.from('{sha256}'), Buffer.alloc(40, 7)]);
const nameOf = (message: Buffer | undefined) => {
  if (message === undefined) return 'closed';
  return /^(?:#[A-Z]+#|\{[a-z0-9]+\})/.exec(message.toString('latin1'))?.[0] ?? 'something else';
};

/** As if of CPython, up to the client's own challenge. */
async function upToChallenge(wire: Wire, question: Buffer): Promise<Buffer | undefined> {
  wire.give(question);
  if (nameOf(await wire.take()) !== '{sha256}') return undefined;
  wire.give(welcome);
  return wire.take();
}

const attacks = {
  listen,
  /** Hands the challenge of one client to another one, and its answer back. */
  async reflect() {
    const [one, other] = [await client(), await client()];
    const question = await upToChallenge(one, fresh());
    if (question === undefined) return 'refused';
    other.give(question);
    const answer = await other.take();
    one.give(answer ?? Buffer.concat([Buffer.from('{sha256}'), Buffer.alloc(32)]));
    const verdict = nameOf(await one.take());
    if (verdict === '#WELCOME#') one.give(serialize(values['a function']?.()));
    else one.close();
    other.close();
    return `${nameOf(answer)} ${verdict}`;
  },
  /** Gives a client its own challenge back as the answer to the challenge of a listener, and the other way round. */
  async reflectToListener(address: Address) {
    const [one, far] = [await client(), await dial(address)];
    const question = await upToChallenge(one, fresh());
    if (question === undefined) return 'refused';
    await far.take();
    far.give(question);
    const answer = nameOf(await far.take());
    one.close();
    far.close();
    return answer;
  },
  /** Hides from a client that its listener is of this package. */
  async downgrade(address: Address) {
    const [one, far] = [await client(), await dial(address)];
    const offer = (await far.take()) as Buffer;
    // The listener's own challenge, without the mark of this package: of another length, and changed in one bit.
    const changed = Buffer.from(offer);
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    one.give(changed);
    const answer = await one.take();
    if (answer !== undefined) far.give(answer);
    const verdict = nameOf(await far.take());
    one.close();
    far.close();
    return verdict;
  },
  /** Passes every message on, until one side closes. What passes is kept. */
  async relay(address: Address) {
    const [one, far] = [await client(), await dial(address)];
    const seen: [string, Buffer][] = [];
    const pump = async (from: Wire, to: Wire, name: string) => {
      for (;;) {
        const message = await from.take();
        if (message === undefined) break;
        seen.push([name, message]);
        to.give(message);
        if (message.equals(welcome)) break;
      }
      if (!seen.some(([, message]) => message.equals(welcome))) to.close();
    };
    void pump(one, far, 'client');
    await pump(far, one, 'listener');
    recorded = seen;
    return seen.map(([name, message]) => `${name} ${nameOf(message)}`);
  },
  /** Says to a listener what a client said to it before. */
  async replayAsClient(address: Address) {
    const far = await dial(address);
    await far.take();
    let told = '';
    for (const message of recorded.filter(([name]) => name === 'client').map(([, message]) => message)) {
      far.give(message);
      told = nameOf(await far.take());
    }
    far.close();
    return told;
  },
  /** Says to a client what a listener said to one before. */
  async replayAsListener() {
    const one = await client();
    const messages = recorded.filter(([name]) => name === 'listener').map(([, message]) => message);
    for (const message of messages) {
      one.give(message);
      if ((await one.take()) === undefined) return 'closed';
    }
    one.close();
    return 'believed';
  },
};

let recorded: [string, Buffer][] = [];

process.on('message', ([attack, ...args]: [keyof typeof attacks, ...unknown[]]) => {
  (attacks[attack] as (...args: unknown[]) => Promise<unknown>)(...args).then(
    (value) => process.send?.(value),
    (error) => process.send?.(`${error.name}: ${error.message}`),
  );
});
process.on('disconnect', () => process.exit());
