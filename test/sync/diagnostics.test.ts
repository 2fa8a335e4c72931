/** What `node:diagnostics_channel` tells of locks: waits, and holders that died. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Lock, RLock } from 'multiproc';
import t, { type Test } from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);

function listen(t: Test, channel: string): unknown[] {
  const heard: unknown[] = [];
  const hear = (message: unknown) => heard.push(message);
  subscribe(channel, hear);
  t.teardown(() => unsubscribe(channel, hear));
  return heard;
}

for (const [name, LockClass] of Object.entries({ Lock, RLock })) {
  t.test(`a wait for a ${name} is told with its name and length, a lock that is free is not`, async (t) => {
    const waits = listen(t, 'multiproc:contention');
    const lock = new LockClass({ name: freshName(t) });
    const there = new Remote(t);
    const other = await there.make(name, { name: lock.name });
    await lock.acquire();
    lock.release();
    t.strictSame(waits, []);

    await other.call('acquireSync');
    const acquired = lock.acquire();
    await other.call('release');
    await acquired;
    t.match(waits, [{ name: lock.name, waitedMs: Number }]);
    t.ok((waits[0] as { waitedMs: number }).waitedMs > 0);
    t.equal(waits.length, 1);
    lock.release();
    lock.close();
  });

  t.test(`whoever takes a ${name} after its holder died is told so, until it is consistent`, async (t) => {
    const deaths = listen(t, 'multiproc:owner-died');
    const lock = new LockClass({ name: freshName(t) });
    const there = new Remote(t);
    const other = await there.make(name, { name: lock.name });
    await other.call('acquireSync');
    await there.kill();
    t.equal(await lock.acquire(), true);
    t.strictSame(deaths, [{ name: lock.name }]);
    lock.markConsistent();
    lock.release();
    await lock.acquire();
    t.equal(deaths.length, 1);
    lock.release();
    lock.close();
  });
}
