import assert from 'node:assert/strict';
import { Pool } from 'multiproc';
import { context, twice } from '../work.mjs';

export async function check(own, module) {
  const pool = new Pool(1);
  const refused = { name: 'TypeError', message: /declares tests.*isMainProcess/ };
  try {
    await assert.rejects(pool.apply(own, [1]), refused);
    await assert.rejects(pool.apply({ module, export: 'own' }, [1]), refused);
    assert.equal(await pool.apply(twice, [4]), 8);
    assert.equal(await pool.apply(context), 'none');
  } finally {
    // Not terminate(): a worker that is killed writes no coverage.
    pool.close();
    await pool.join();
  }
}
