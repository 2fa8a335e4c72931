import assert from 'node:assert/strict';
import test from 'node:test';
import { isMainProcess, Process } from 'multiproc';

export const own = (x) => x + 1;

if (isMainProcess) {
  test('a guarded file', async () => {
    const child = new Process({ target: own, args: [1] });
    child.start();
    assert.equal(await child.result, 2);
  });
}
