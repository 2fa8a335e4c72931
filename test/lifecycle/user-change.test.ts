/** A program that becomes another user: its names are that user's, or it is told; never are there two locks of one name. */
import { rmSync } from 'node:fs';
import { sweep } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { cannotSwitchUsers, install, victim } from '../harness/users.js';

const skip = cannotSwitchUsers;
if (skip === false) leaveNothing(t);

t.test('a program that changes its effective user', { skip }, async (t) => {
  const there = install(t);
  const prefix = `user-change.${process.pid}`;

  for (const how of ['seteuid', 'setgid, setgroups and setuid']) {
    t.test(`${how} before the first use: all parts work, and its lock is that of the user's programs`, async (t) => {
      const changed = there.start(0, 'user-change');
      const name = `${prefix}.${how.replaceAll(/\W+/g, '-')}`;
      t.teardown(() => rmSync(`/dev/shm/multiproc-1-${victim}-${name}`, { force: true }));
      t.strictSame(await changed.ask({ how, uid: victim, name, usedBefore: false }), {
        lock: true,
        start: String(victim),
        pool: String(victim),
        manager: 1,
        list: 1,
      });
      const other = there.start(victim, 'locker');
      t.equal(await other.ask(name), false, 'an independent program finds the lock held');
      for (const each of [other, changed]) {
        each.send('end');
        await each.ended;
      }
    });
  }

  t.test('after the first use every part says that the user changed', async (t) => {
    const code = 'ERR_MULTIPROC_USER';
    const changed = there.start(0, 'user-change');
    t.strictSame(await changed.ask({ how: 'setuid', uid: victim, name: prefix, usedBefore: true }), {
      lock: code,
      start: code,
      pool: code,
      manager: code,
      list: 0,
    });
    changed.send('end');
    await changed.ended;
  });

  for (const [method, how] of [
    ['spawn', 'setuid'],
    ['forkserver', 'seteuid'],
  ] as const) {
    t.test(`${how} beside a pool that has to replace a worker: an error that says so (${method})`, async (t) => {
      const changed = there.start(0, 'user-change');
      const request = { how, uid: victim, name: prefix, usedBefore: true, poolMethod: method };
      const told = await changed.ask<string[]>(request);
      t.equal(told[0], '0');
      t.match(told[1], /WorkerLostError/);
      t.match(told[2], /ERR_MULTIPROC_USER/);
      t.equal(told[3], 'true', 'and the pool ends');
      changed.send('end');
      await changed.ended;
      // The new user cannot remove what the pool had.
      sweep();
    });
  }
});
