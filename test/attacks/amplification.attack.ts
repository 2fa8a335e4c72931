/** A client with the key that asks for more work and memory than it sends bytes: others are served meanwhile, and afterwards. */
import { type Address, SyncManager, sweep } from 'multiproc';
import t from 'tap';
import { program } from '../harness/program.js';
import type { HostOrder } from '../programs/host.js';

t.setTimeout(300_000);
// Hosts are killed at the end, with what they had in shared memory.
t.teardown(() => sweep());

/** How long another client may wait for an answer, in ms, on a busy machine. Without bounds it is minutes, or no answer. */
const maxWait = 5000;
const authkey = 'what both clients know';
const options = { timeout: 250_000 };

const places: Record<string, Address> = {
  TCP: ['127.0.0.1', 0],
  'an abstract name': `\0multiproc-amplify-${process.pid}`,
};

for (const [place, address] of Object.entries(places)) {
  t.test(`over ${place}`, async (t) => {
    const host = program(t, 'host', options);
    const served = await host.ask<Address>({ kind: 'manager', address, authkey } satisfies HostOrder);
    const amplifier = program(t, 'amplifier', options);
    const names = await amplifier.ask<string[]>({ address: served, authkey });
    const honest = new SyncManager({ address: served, authkey });
    await honest.connect();
    const list = await honest.list([1729]);
    for (const name of names) {
      let told: string | undefined;
      const end = amplifier.ask<string>(name).then((text) => {
        told = text;
      });
      let longest = 0;
      do {
        const begun = performance.now();
        if ((await list.get(0)) !== 1729) t.fail('a wrong answer');
        longest = Math.max(longest, performance.now() - begun);
        await new Promise((resolve) => setTimeout(resolve, 1));
      } while (told === undefined);
      await end;
      t.ok(longest < maxWait, `${name}: another client waited up to ${longest.toFixed(0)} ms; ${told.slice(0, 90)}`);
    }
  });
}
