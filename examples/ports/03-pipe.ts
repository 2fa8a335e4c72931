// The receiver closes its end half-way and reads again: it fails, with its stack on stderr, and the others go on.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, isMainProcess, Pipe, Process } from 'multiproc';

const m = 5;

export async function proc1(pipe: Connection): Promise<void> {
  for (let i = 0; i < m; i++) {
    console.log(`proc1 send ${i}`);
    await pipe.send(i);
    await sleep(10);
  }
}

export async function proc2(pipe: Connection): Promise<void> {
  for (let flag = 0; ; flag++) {
    if (flag >= m - 3) pipe.close();
    console.log(`proc2 rev ${await pipe.recv()}`);
  }
}

if (isMainProcess) {
  const pipe = Pipe();
  const p1 = new Process({ target: proc1, args: [pipe[0]] });
  const p2 = new Process({ target: proc2, args: [pipe[1]] });
  console.log('start');
  p1.start();
  p2.start();
  await p1.join();
  await p2.join();
  console.log('end', p1.exitCode, p2.exitCode);
  // In any order:
  // → start
  // → proc1 send 0
  // → proc2 rev 0
  // → proc1 send 1
  // → proc2 rev 1
  // → proc1 send 2
  // → proc1 send 3
  // → proc1 send 4
  // → end 0 1
}
