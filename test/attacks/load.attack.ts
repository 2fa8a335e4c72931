/** Listeners and managers under load: many honest clients at once all get in, and any number of silent ones delay none. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Address, Client } from 'multiproc';
import t from 'tap';
import { managerPeer } from '../harness/manager-peer.js';
import { program } from '../harness/program.js';
import type { CrowdOrder, Silence } from '../programs/crowd.js';
import type { HostOrder } from '../programs/host.js';

t.setTimeout(300_000);

const authkey = 'what silent clients do not prove';

const folder = mkdtempSync(join(tmpdir(), 'multiproc-load-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const places: Record<string, () => Address> = {
  'a socket file': () => join(folder, `s${count++}`),
  TCP: () => ['127.0.0.1', 0],
};
const kinds = ['listener', 'manager'] as const;
const silences: readonly Silence[] = ['silent', 'half a frame', 'dripping'];
const options = { timeout: 200_000 };
/** A client that had to wait behind silent ones would wait longer, in ms: each of them may take `handshakeTimeout`. */
const maxWait = 2000;

for (const kind of kinds) {
  for (const [place, address] of Object.entries(places)) {
    // The long form once for each kind, and once for each place.
    const isLong = (kind === 'listener') === (place === 'TCP');
    for (const [crowds, size] of [[2, 250] as const, ...(isLong ? [[5, 1000] as const] : [])]) {
      t.test(`${crowds * size} honest clients of a ${kind} at once, over ${place}`, async (t) => {
        const host = program(t, 'host', options);
        const served = await host.ask<Address>({ kind, address: address(), authkey } satisfies HostOrder);
        const programs = Array.from({ length: crowds }, () => program(t, 'crowd', options));
        const told = await Promise.all(
          programs.map((each) => each.ask({ address: served, authkey, count: size, kind } satisfies CrowdOrder)),
        );
        t.strictSame(
          told,
          programs.map(() => ({ letIn: size, reasons: [] })),
        );
        t.strictSame(await host.ask('failures'), []);
      });
    }

    for (const spare of [undefined, 100]) {
      const shortage = spare === undefined ? '' : `, which has ${spare} descriptors`;
      t.test(`thousands of silent clients of a ${kind} over ${place}${shortage}`, async (t) => {
        const host = program(t, 'host', options);
        const order: HostOrder = { kind, address: address(), authkey };
        const served = await host.ask<Address>(spare === undefined ? order : { ...order, spare });
        const size = spare === undefined ? 700 : 100;
        for (const silence of silences) {
          const crowd = program(t, 'crowd', options);
          await crowd.ask({ address: served, authkey, count: size, silence } satisfies CrowdOrder);
          const waits: number[] = [];
          for (let i = 0; i < 20; i++) {
            const start = performance.now();
            // On a busy machine a client may be slower than the patience of a listener that is short of descriptors.
            const connection = await (kind === 'manager'
              ? managerPeer(served, authkey)
              : Client(served, { authkey })
            ).catch(() => undefined);
            if (connection !== undefined) waits.push(performance.now() - start);
            connection?.close();
          }
          const told = `${silence}: ${waits.length} of 20 were let in, in ${waits.map((ms) => ms.toFixed(1))} ms`;
          t.ok(waits.length >= (spare === undefined ? 20 : 10), told);
          // The least of them: the machine may be busy. `npm run bench -- listener` has the figures.
          t.ok(Math.min(...waits) < maxWait, told);
          crowd.kill();
          await crowd.ended;
        }
      });
    }
  }
}
