import { AuthenticationError, Client, Listener } from 'multiproc';

const listener = new Listener(['127.0.0.1', 0], { authkey: 'a shared secret' });

const [accepted, client] = await Promise.all([
  listener.accept(),
  Client(listener.address, { authkey: 'a shared secret' }), // from another process, or another machine
]);
await client.send(1729);
console.log(await accepted.recv()); // → 1729

const [refused, wrong] = await Promise.allSettled([
  listener.accept(),
  Client(listener.address, { authkey: 'a guess' }),
]);
console.log(refused.status, wrong.status); // → rejected rejected
console.log(refused.status === 'rejected' && refused.reason instanceof AuthenticationError); // → true

client.close();
accepted.close();
listener.close();
