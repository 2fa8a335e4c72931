/** Sends functions of modules that the receiver does not have yet, wherever the test asks for. */
import { type Connection, deserialize, type Queue, type SimpleQueue } from 'multiproc';
import { hear, tell } from '../harness/parent.js';

interface Request {
  to: string;
  n: number;
  large: boolean;
}

const { queue, simple, end } = deserialize(await hear<Uint8Array>()) as {
  queue: Queue;
  simple: SimpleQueue;
  end: Connection;
};
const sent: Record<string, (value: unknown) => Promise<void>> = {
  queue: (value) => queue.put(value),
  simple: (value) => simple.put(value),
  pipe: (value) => end.send(value),
};

for (let request = await hear<Request>(); request.n > 0; request = await hear()) {
  const { late } = await import(`./late-function.js?${request.n}`);
  await sent[request.to]?.({ late, text: 'x'.repeat(request.large ? 300_000 : 10) });
  await tell('sent');
}
process.exit();
