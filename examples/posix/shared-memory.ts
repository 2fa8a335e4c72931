import { shmOpen, shmUnlink } from 'multiproc/posix';

const name = `/example-${process.pid}`;
const mine = shmOpen(name, { create: true, exclusive: true, size: 8 });
new Float64Array(mine.buffer)[0] = 21.5;

// What another program does, in whatever language:
const theirs = shmOpen(name);
const value = new Float64Array(theirs.buffer);
console.log(theirs.size, value[0]); // → 8 21.5

theirs.close();
console.log(value[0]); // → undefined

mine.close();
shmUnlink(name);
