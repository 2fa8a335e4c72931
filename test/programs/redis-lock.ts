/**
 * Takes a lock of a Redis server again and again, and writes the history of what it did: for the checker of histories.
 *
 * Arguments: the server's URL, the lock's lease in ms. Each line is `[event, token, ownerDied]` as JSON, written at once, so that a killed
 * program leaves no half of one. A line `take` is written after the lock was taken, `give` after it was given back, `lost` when
 * the lease had run out. After the message `keep` it keeps the lock until another message comes.
 */
import { appendFileSync } from 'node:fs';
import { LeaseExpiredError } from 'multiproc';
import { connect } from 'multiproc/redis';

const [url = '', lease = '', history = ''] = process.argv.slice(2);
const note = (event: string, token: number | undefined, died = false) =>
  appendFileSync(history, `${JSON.stringify([event, token, died, process.pid])}\n`);

const context = await connect(url, { lease: Number(lease), answerTimeout: 60_000, connectTimeout: 60_000 });
const lock = new context.Lock({ name: 'contended' });
const guarded = new context.Value('i', 0, { name: 'guarded' });
process.send?.('ready');
let stopped = false;
let keeps = false;
process.on('message', (message) => {
  if (message === 'stop') stopped = true;
  keeps = message === 'keep';
});
while (!stopped) {
  const hold = await lock.hold();
  note('take', hold.token, hold.ownerDied);
  if (hold.ownerDied) await lock.markConsistent().catch(() => undefined);
  await guarded.add(1);
  do await new Promise((resolve) => setTimeout(resolve, 2));
  while (keeps && !hold.signal.aborted);
  try {
    note('giving', hold.token);
    await hold.release();
    note('give', hold.token);
  } catch (error) {
    if (!(error instanceof LeaseExpiredError)) throw error;
    note('lost', hold.token);
  }
}
await context.close();
process.disconnect?.();
