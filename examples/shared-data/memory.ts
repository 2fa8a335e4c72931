import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { SharedMemory } from 'multiproc';

const memory = SharedMemory.create({ name: `example.memory.${process.pid}`, size: 4096 });
memory.bytes.set(Buffer.from('hello'));

// Another program opens it by name. In Python: SharedMemory('…', track=False)
const source = `
  import { SharedMemory } from 'multiproc';
  const memory = SharedMemory.open('${memory.name}');
  console.log(Buffer.from(memory.bytes.subarray(0, 5)).toString());
  memory.bytes.set(Buffer.from('howdy'));
`;
const other = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' });
await once(other, 'exit'); // → hello

console.log(Buffer.from(memory.bytes.subarray(0, 5)).toString()); // → howdy
memory.close();
memory.unlink();
