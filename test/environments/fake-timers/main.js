import assert from 'node:assert/strict';
import { isMainProcess, Lock, Pool, Process, Queue } from 'multiproc';
import sinon from 'sinon';
import { twice } from './work.js';

if (isMainProcess) {
  const realNow = Date.now;
  const clock = sinon.useFakeTimers();
  const lock = new Lock();
  lock.acquireSync();
  const before = realNow();
  assert.equal(await lock.acquire(100), false);
  assert.ok(realNow() - before >= 99, 'an async wait took as long as it says');
  const queue = new Queue();
  const start = realNow();
  assert.throws(() => queue.getSync(100), { name: 'Empty' });
  assert.ok(realNow() - start >= 99, 'so did a blocking one');
  const child = new Process({ target: twice, args: [4] });
  child.start();
  assert.equal(await child.result, 8);
  const pool = new Pool(1);
  await assert.rejects(pool.apply(forever, [], { timeout: 50 }), /cannot travel/);
  assert.equal(await pool.apply(twice, [5]), 10);
  pool.terminate();
  assert.equal(await pool.join(), true);
  clock.restore();
  console.log('all waits ended');
}

function forever() {}
