import { EOFError, Pipe, wait } from 'multiproc';

const [a, b] = Pipe();

await a.send({ answer: [42] }); // a promise: the event loop goes on
console.log(await b.recv()); // → { answer: [ 42 ] }

b.sendSync('blocks only while there is no room');
console.log(a.pollSync(), a.recvSync()); // → true blocks only while there is no room

await a.sendBytes(Buffer.from('raw'));
console.log((await b.recvBytes()).toString()); // → raw

await a.send('last');
console.log((await wait([a, b], 1000)).length); // → 1

a.close(); // nobody else has this end: b reads what is left, then the end
for await (const value of b) console.log(value); // → last
console.log(await b.recv().catch((error) => error instanceof EOFError)); // → true
b.close();
