/** A process with a SharedMemoryManager, or with a connection to one, that makes and ends as the test tells it to. */
import { SharedMemoryManager } from 'multiproc';
import * as posix from 'multiproc/posix';
import { hangUp, hear, tell } from '../harness/parent.js';

const address = process.argv[2];
const manager = new SharedMemoryManager(address === undefined ? {} : { address });
await (address === undefined ? manager.start() : manager.connect());
await tell(manager.address);

for (let order = await hear<string>(); order !== 'end'; order = await hear<string>()) {
  if (order === 'fork') {
    const pid = posix.fork();
    if (pid === 0) {
      let refused = '';
      try {
        await manager.shutdown();
      } catch (error) {
        refused = (error as Error).name;
      }
      console.log(`child ${process.pid} ${refused}`);
      setInterval(() => {}, 1000);
      break;
    }
    await tell(pid);
    continue;
  }
  try {
    const made = order === 'list' ? manager.ShareableList([1, 'two']) : manager.SharedMemory(Number(order));
    await tell(made.name);
  } catch (error) {
    const { name, code } = error as Error & { code?: string };
    await tell(`${name} ${code}`);
  }
}
if (process.connected) hangUp();
