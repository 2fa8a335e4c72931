import { Event, isMainProcess, Process } from 'multiproc';

export async function serve(ready: Event): Promise<void> {
  console.log('listening');
  ready.set();
}

if (isMainProcess) {
  const ready = new Event(); // { name: 'server.ready' } for programs that are started independently
  const server = new Process({ target: serve, args: [ready] });
  server.start();
  // → listening
  console.log(await ready.wait(30_000)); // → true
  await server.join();

  console.log(ready.isSet()); // → true
  ready.clear();
  console.log(await ready.wait(20)); // → false
  ready.close();
}
