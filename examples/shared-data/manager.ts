import { ShareableList, SharedMemory, SharedMemoryManager } from 'multiproc';

const manager = new SharedMemoryManager();
await manager.start();

const memory = manager.SharedMemory(1024);
const scores = manager.ShareableList([1, 2.5, 'three']);

// Other programs, in Python too, open them by their names; they can also be passed on.
const same = ShareableList.open(scores.name);
same.set(0, 10);
console.log([...scores]); // → [ 10, 2.5, 'three' ]

await manager.shutdown(); // or `await using`, or the end of this process, whatever ends it
try {
  SharedMemory.open(memory.name);
} catch (error) {
  console.log((error as { code: string }).code); // → ENOENT
}
console.log(same.at(2)); // → three

for (const each of [memory, scores, same]) each.close();
