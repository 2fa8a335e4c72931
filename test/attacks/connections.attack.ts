/** Another user between clients and listeners, with and without the key: is let in nowhere, and has nothing imported. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import type { Program } from '../harness/program.js';
import { attacker, cannotSwitchUsers, type Installation, install, victim } from '../harness/users.js';

type Address = string | [string, number];

t.setTimeout(150_000);

const key = { authkey: 'what the attacker does not know' };
let count = 0;

/** Addresses of each kind that another user can reach. */
function addresses(there: Installation): Record<string, () => Address> {
  return {
    TCP: () => ['127.0.0.1', 0],
    'a socket file': () => join(there.folder, 'sockets', `s${count++}`),
    'an abstract name': () => `\0multiproc-attack-${process.pid}-${count++}`,
  };
}

t.test('connections', { skip: cannotSwitchUsers }, async (t) => {
  const there = install(t);
  const { mkdirSync, chmodSync } = process.getBuiltinModule('node:fs');
  mkdirSync(join(there.folder, 'sockets'));
  chmodSync(join(there.folder, 'sockets'), 0o1777);
  const start = (uid: number, name: string) => there.start(uid, name, { timeout: 100_000 });
  const impostor = start(attacker, 'impostor');
  const [one, other, listening] = [start(victim, 'peer'), start(victim, 'peer'), start(victim, 'peer')];
  const ask = <T = string>(who: Program, ...message: unknown[]) => who.ask<T>(message);
  const refused = /AuthenticationError|TimeoutError/;

  for (const [name, address] of Object.entries(addresses(there))) {
    await t.test(`an impostor over ${name}`, async (t) => {
      const trap = await ask<Address>(impostor, 'listen', address());
      const served = await ask<Address>(listening, 'listen', address(), key);

      const reflected = ask(impostor, 'reflect');
      const both = await Promise.all([ask(one, 'client', trap, key), ask(other, 'client', trap, key)]);
      for (const told of both) t.match(told, refused, 'no client believes what another one has answered');
      t.notMatch(await reflected, /sha256.*|WELCOME/, 'nor answers what another one has asked');

      const turned = ask(impostor, 'reflectToListener', served);
      let accepted = ask(listening, 'accept');
      t.match(await ask(one, 'client', trap, key), refused);
      t.notMatch(await turned, /sha256|WELCOME/, 'nor does a listener');
      t.match(await accepted, refused);

      const hidden = ask(impostor, 'downgrade', served);
      accepted = ask(listening, 'accept');
      t.match(await ask(one, 'client', trap, key), refused);
      t.notMatch(await hidden, 'WELCOME', 'an answer to a changed challenge is none');
      t.match(await accepted, refused);

      await t.test('between a client and its listener', async (t) => {
        const relayed = ask<string[]>(impostor, 'relay', served);
        accepted = ask(listening, 'accept');
        const told = await ask(one, 'client', trap, key);
        if (name === 'TCP') {
          t.equal(told, 'connected', 'a tunnel is a relay, too');
          await relayed;
        } else {
          t.match(told, /AuthenticationError: Another program relays/);
          t.match(await accepted, refused);
          t.notMatch(await relayed, ['client #PROOF#'], 'the client proves nothing to it');
        }
        // Nothing of it helps afterwards.
        const replayed = ask(impostor, 'replayAsClient', served);
        if (name !== 'TCP') accepted = ask(listening, 'accept');
        else accepted = accepted.then(() => ask(listening, 'accept'));
        t.notMatch(await replayed, 'WELCOME');
        t.match(await accepted, refused);
        const again = ask(impostor, 'replayAsListener');
        t.match(await ask(one, 'client', trap, key), refused);
        t.equal(await again, 'closed');
      });

      await t.test('between a manager and a listener, and the other way round', async (t) => {
        const relayed = ask(impostor, 'relay', served);
        accepted = ask(listening, 'accept');
        t.match(await ask(one, 'connect', trap, key), /AuthenticationError: The peer is a Listener, and no manager/);
        t.match(await accepted, refused);
        await relayed;
        const manager = await ask<Address>(listening, 'serve', address(), key);
        const back = ask(impostor, 'relay', manager);
        t.match(await ask(one, 'client', trap, key), /AuthenticationError: The peer is a manager's server/);
        await back;
      });
      for (const who of [one, other]) t.equal(await ask(who, 'baitTaken'), false);
    });
  }

  const bait = pathToFileURL(join(there.folder, 'programs/bait.js')).href;
  const names = [
    'a function',
    'a class',
    'an instance that its class makes',
    'a plain instance',
    'a registered function',
  ];
  const rude = ['an error with more', 'a function that an await would call'];

  for (const [name, address] of Object.entries(addresses(there))) {
    await t.test(`another user who has the key, over ${name}`, async (t) => {
      const [thief, mark] = [start(attacker, 'peer'), start(victim, 'peer')];
      for (const role of ['listener', 'client']) {
        const [host, guest] = role === 'listener' ? [mark, thief] : [thief, mark];
        const served = await ask<Address>(host, 'listen', address(), key);
        const accepted = ask(host, 'accept');
        t.equal(await ask(guest, 'client', served, key), 'connected');
        await accepted;
        for (const what of [...names, ...rude]) {
          for (const how of ['recv', 'recvSync', 'deserialize']) {
            t.equal(await ask(thief, 'send', what), 'sent');
            const told = await ask(mark, 'recv', how);
            t.match(told, /^TypeError/, `${what}, ${how} of a ${role}`);
            t.match(told, bait, 'the module is named');
            t.match(told, /modules: \[/, 'and the cure');
          }
        }
        await ask(thief, 'send', 'an error');
        t.match(await ask(mark, 'recv', 'recv'), /^Error .*an error is worth more than its class/);
        await ask(thief, 'sendText', 'the connection goes on');
        t.equal(await ask(mark, 'recv', 'recv'), 'string');
      }
      const manager = await ask<Address>(mark, 'serve', address(), key);
      t.equal(await ask(thief, 'connect', manager, key), 'connected');
      for (const what of names) t.match(await ask(thief, 'put', what), /no module is loaded/, `${what} to a manager`);
      t.equal(await ask(mark, 'baitTaken'), false, 'nothing was imported');

      const served = await ask<Address>(mark, 'listen', address(), { ...key, modules: [bait] });
      const accepted = ask(mark, 'accept');
      await ask(thief, 'client', served, key);
      await accepted;
      await ask(thief, 'send', 'a function');
      t.equal(await ask(mark, 'recv', 'recv'), 'function', 'unless the program asked for it');
      t.equal(await ask(mark, 'baitTaken'), true);
    });
  }

  await t.test('two programs of one user on a local socket import what they send each other', async (t) => {
    const [host, guest] = [start(victim, 'peer'), start(victim, 'peer')];
    const served = await ask<Address>(host, 'listen', join(there.folder, 'sockets', 'own'), key);
    const accepted = ask(host, 'accept');
    t.equal(await ask(guest, 'client', served, key), 'connected');
    await accepted;
    await ask(guest, 'send', 'a function');
    t.equal(await ask(host, 'recv', 'recv'), 'function');
  });
});
