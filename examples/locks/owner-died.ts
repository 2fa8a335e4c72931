import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Lock } from 'multiproc';

const lock = new Lock({ name: `example.${process.pid}` });

// Another program takes the lock and is killed while it holds it.
const source = `
  import { Lock } from 'multiproc';
  Lock.open('${lock.name}').acquireSync();
  process.kill(process.pid, 'SIGKILL');
`;
const other = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' });
await once(other, 'exit');

await lock.run(() => {
  console.log('taken over:', lock.ownerDied); // → taken over: true
  lock.markConsistent();
});

await lock.run(() => {
  console.log('in order again:', !lock.ownerDied); // → in order again: true
});

lock.unlink();
