// Without shared memory: a lock kept by the parent process, asked for over Node's own message channel.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nanosecondsAsync, report } from './measure.js';

if (process.send) {
  const answer = () => new Promise((resolve) => process.once('message', resolve));
  const ns = await nanosecondsAsync(
    async (n) => {
      for (let i = 0; i < n; i++) {
        process.send('acquire');
        await answer();
        process.send('release');
      }
    },
    { iterations: 1000, batches: 10 },
  );
  process.send({ ns });
  process.disconnect();
} else {
  const child = fork(fileURLToPath(import.meta.url));
  child.on('message', (message) => {
    if (message === 'acquire') child.send('yours');
    else if (message !== 'release') report(message);
  });
  await once(child, 'exit');
}
