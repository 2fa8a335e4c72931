/** Shared objects that another user names in messages are not attached, wherever they stand and whose they are. */
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Program } from '../harness/program.js';
import { attacker, cannotSwitchUsers, type Installation, install, victim } from '../harness/users.js';

type Address = string | [string, number];

t.setTimeout(150_000);

const key = { authkey: 'what the thief knows, too' };
const refused = /TypeError: (.|\n)*whose memory is not attached/;
let count = 0;

// The programs are killed at the end, and only their users sweep what they had in shared memory.
t.teardown(() => {
  for (const file of readdirSync('/dev/shm')) {
    const isTheirs = [victim, attacker].some((uid) => file.startsWith(`multiproc-1-${uid}.`));
    if (isTheirs) rmSync(join('/dev/shm', file));
  }
});

/** What an honest sender refuses to name is named by one that has taken the check out. */
function changed(t: Parameters<typeof install>[0]): Installation {
  const there = install(t);
  there.change('core.js', 'isFromAfar() && isTraveller(value)', 'false && isTraveller(value)');
  return there;
}

t.test('handles', { skip: cannotSwitchUsers }, async (t) => {
  const [there, thieves] = [install(t), changed(t)];
  mkdirSync(join(there.folder, 'sockets'));
  chmodSync(join(there.folder, 'sockets'), 0o1777);
  const own: Record<string, () => Address> = {
    'a socket file': () => join(there.folder, 'sockets', `s${count++}`),
    'an abstract name': () => `\0multiproc-handles-${process.pid}-${count++}`,
  };
  const all = { ...own, TCP: (): Address => ['127.0.0.1', 0] };
  const options = { timeout: 100_000 };
  const ask = <T = string>(who: Program, ...message: unknown[]) => who.ask<T>(message);
  // All have their objects open until the test is over: a refusal is never for an object that is gone.
  const [mark, thief] = [there.start(victim, 'peer', options), thieves.start(attacker, 'peer', options)];
  const { names, places } = await ask<{ names: string[]; places: string[] }>(mark, 'sharedNames');
  /** Every class, and every place. */
  const forms = names.flatMap((name, i) => [
    [name, 'by itself'] as const,
    [name, places[i % places.length] as string] as const,
  ]);

  const meet = async (host: Program, guest: Program, address: () => Address) => {
    const served = await ask<Address>(host, 'listen', address(), key);
    const accepted = ask(host, 'accept');
    t.equal(await ask(guest, 'client', served, key), 'connected');
    t.equal(await accepted, 'connected');
  };

  for (const [place, address] of Object.entries(own)) {
    for (const role of ['listener', 'client']) {
      await t.test(`messages to a ${role} at ${place}`, async (t) => {
        await (role === 'listener' ? meet(mark, thief, address) : meet(thief, mark, address));
        for (const [name, where] of forms) {
          const what = `${name} ${where}`;
          for (const how of role === 'listener' ? ['recv', 'recvSync'] : ['recv']) {
            const bytes = await ask<Uint8Array>(mark, 'handle', name, where);
            t.equal(await ask(thief, 'sendBytes', bytes), 'sent');
            t.match(await ask(mark, 'recv', how), refused, `${what}, of the victim, ${how}`);
          }
          t.equal(await ask(thief, 'sendShared', name, where), 'sent');
          t.match(await ask(mark, 'recv', 'recv'), refused, `${what}, of the thief`);
        }
        await ask(thief, 'sendText', 'the connection goes on');
        t.equal(await ask(mark, 'recv', 'recv'), 'string');
      });
    }
  }

  for (const [place, address] of Object.entries(all)) {
    // Over TCP programs of the victim are no better than those of others.
    for (const uid of place === 'TCP' ? [attacker, victim] : [attacker]) {
      await t.test(`managers at ${place}, and user ${uid}`, async (t) => {
        const [stranger, host] = [thieves.start(uid, 'peer', options), there.start(victim, 'peer', options)];
        const served = await ask<Address>(host, 'serve', address(), key);
        t.equal(await ask(stranger, 'connect', served, key), 'connected');
        const gifts = await ask<Address>(stranger, 'serve', address(), key);
        t.equal(await ask(host, 'connect', gifts, key), 'connected');
        for (const [name, where] of forms) {
          t.match(await ask(stranger, 'putShared', name, where), refused, `${name} ${where}, to a server`);
          t.match(await ask(host, 'takeGift', name, where), refused, `${name} ${where}, to a client`);
        }
      });
    }
  }

  await t.test('programs of one user attach what they send each other on a local socket', async (t) => {
    const [host, guest] = [there.start(victim, 'peer', options), there.start(victim, 'peer', options)];
    await meet(host, guest, own['a socket file'] as () => Address);
    for (const name of names) {
      t.equal(await ask(guest, 'sendShared', name, 'in an array'), 'sent');
      t.equal(await ask(host, 'recv', 'recv'), 'object', name);
    }
    const served = await ask<Address>(guest, 'serve', (own['a socket file'] as () => Address)(), key);
    t.equal(await ask(host, 'connect', served, key), 'connected');
    for (const name of names) t.equal(await ask(host, 'takeGift', name, 'in an array'), 'object', name);
  });
});
