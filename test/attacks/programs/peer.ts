/** An honest program, or one that has stolen the key: does what each message says with the package, and answers. */
import { chmodSync } from 'node:fs';
import {
  type Address,
  Client,
  type ClientOptions,
  type Connection,
  deserialize,
  Listener,
  SyncManager,
  serialize,
} from 'multiproc';
import { places, shared, sharedNames } from './shared.js';

interface Manager {
  connect(): Promise<void>;
  Queue(): Promise<Items>;
  Gifts(): Promise<{ give(name: string, place: string): Promise<unknown> }>;
}

interface Items {
  put(value: unknown): Promise<void>;
  get(): Promise<unknown>;
}

/** An object of a server, which answers calls with shared objects of the server's program. */
class Gifts {
  give(name: string, place: string): unknown {
    return placed(name, place);
  }
}

class GiftManager extends SyncManager {}
GiftManager.register('Gifts', { callable: () => new Gifts() });

const placed = (name: string, place: string) => places[place]?.(shared(name));

let listener: Listener | undefined;
let connection: Connection | undefined;
let manager: Manager | undefined;

const bait = async () => (await import('./bait.js')).values;
const open = (address: Address | undefined) => {
  if (typeof address === 'string' && !address.startsWith('\0')) chmodSync(address, 0o666);
};

const commands = {
  async listen(address: Address | undefined, options: object) {
    listener = new Listener(address, options);
    open(listener.address);
    return listener.address;
  },
  async accept() {
    connection = await (listener as Listener).accept(20_000);
    return 'connected';
  },
  async client(address: Address, options: ClientOptions) {
    connection = await Client(address, options);
    return 'connected';
  },
  async send(name: string) {
    await connection?.send((await bait())[name]?.());
    return 'sent';
  },
  async sendText(text: string) {
    await connection?.send(text);
    return 'sent';
  },
  async recv(how: 'recv' | 'recvSync' | 'deserialize') {
    const own = connection as Connection;
    if (how === 'recv') return told(await own.recv(20_000));
    if (how === 'recvSync') return told(own.recvSync(20_000));
    return told(deserialize(await own.recvBytes(undefined, 20_000), { modules: [] }));
  },
  async serve(address: Address | undefined, options: object) {
    const server = new GiftManager({ address, ...options }).getServer();
    open(server.address);
    void server.serveForever();
    return server.address;
  },
  async connect(address: Address, options: object) {
    manager = new GiftManager({ address, ...options }) as unknown as Manager;
    await manager.connect();
    return 'connected';
  },
  async put(name: string) {
    await (await (manager as Manager).Queue()).put((await bait())[name]?.());
    return 'put';
  },
  /** A message with a shared object of this program, as bytes: a handle that is valid for programs of this user. */
  async handle(name: string, place: string) {
    return serialize(placed(name, place));
  },
  async sendBytes(bytes: Uint8Array) {
    await connection?.sendBytes(bytes);
    return 'sent';
  },
  async sendShared(name: string, place: string) {
    await connection?.send(placed(name, place));
    return 'sent';
  },
  async putShared(name: string, place: string) {
    await (await (manager as Manager).Queue()).put(placed(name, place));
    return 'put';
  },
  async takeGift(name: string, place: string) {
    return told(await (await (manager as Manager).Gifts()).give(name, place));
  },
  async sharedNames() {
    return { names: sharedNames, places: Object.keys(places) };
  },
  /** Whether this program has loaded what the attacker wanted it to. */
  async baitTaken() {
    return (globalThis as { baitTaken?: boolean }).baitTaken === true;
  },
};

function told(value: unknown): string {
  return value instanceof Error ? `${value.constructor.name} ${value.name}: ${value.message}` : typeof value;
}

export type PeerCommand = keyof typeof commands;

process.on('message', ([command, ...args]: [PeerCommand, ...unknown[]]) => {
  (commands[command] as (...args: unknown[]) => Promise<unknown>)(...args).then(
    (value) => process.send?.(value),
    (error) => process.send?.(`${error.name}: ${error.message}`),
  );
});
process.on('disconnect', () => process.exit());
