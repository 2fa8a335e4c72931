/** What the children of the suite of messaging do. */
import {
  Client,
  type Connection,
  type JoinableQueue,
  type Lock,
  type Queue,
  type SimpleQueue,
  waitSync,
} from 'multiproc';

/** Ten messages, then the end. */
export function write(end: Connection, index: number): void {
  for (let i = 0; i < 10; i++) end.sendSync(`${index}: ${i}`);
  end.close();
}

/** Sends back what comes, until it is told to end. */
export function echo(end: Connection): void {
  for (let bytes = end.recvBytesSync(); bytes.toString() !== 'end'; bytes = end.recvBytesSync())
    end.sendBytesSync(bytes);
}

/** Ends when it is told to. */
export function pause(end: Connection): void {
  waitSync([end]);
}

export async function putAll(
  queue: Queue<number>,
  from: number,
  count: number,
  form: 'sync' | 'promise',
): Promise<void> {
  for (let i = from; i < from + count; i++) {
    if (form === 'sync') queue.putSync(i);
    else await queue.put(i);
  }
}

export function takeSix(queue: Queue<number>, start: Connection): void {
  start.recvSync();
  for (let i = 0; i < 6; i++) queue.getSync();
}

/** Takes and acknowledges until null comes. */
export async function work(queue: JoinableQueue<number | null>, lock: Lock, results: Queue<number>): Promise<void> {
  for await (const task of queue) {
    if (task !== null) await lock.run(() => results.put(task * task));
    queue.taskDone();
    if (task === null) return;
  }
}

/** Takes one, says so, and waits to be killed. */
export function takeAndHang(queue: JoinableQueue<number>, end: Connection): void {
  end.sendSync(queue.getSync());
  end.recvSync();
}

/** Answers twice whether the queue is empty, which it asks the queue itself. */
export function isEmpty(queue: SimpleQueue<boolean>, ready: Connection): void {
  ready.recvSync();
  queue.putSync(queue.empty());
  queue.putSync(queue.empty());
}

/** Sends back one message over the connection that comes through the pipe. */
export async function answerOver(end: Connection, how: 'sync' | 'promise'): Promise<void> {
  const accepted = (how === 'sync' ? end.recvSync() : await end.recv()) as Connection;
  accepted.sendSync([process.pid, await accepted.recv()]);
  accepted.close();
}

/** The same over one that is an argument. */
export async function answer(accepted: Connection): Promise<void> {
  accepted.sendSync([process.pid, await accepted.recv()]);
  accepted.close();
}

/** Sends a connection away and ends before anybody takes it. */
export async function sendAndEnd(address: string, end: Connection): Promise<void> {
  end.sendSync(await Client(address));
}

export async function connectAndSend(address: string | [string, number], authkey: string): Promise<void> {
  const client = await Client(address, { authkey });
  await client.send('hello');
  client.close();
}

/** What fails where it is received. */
export class Unreadable {
  readonly written = true;

  static [Symbol.for('multiproc.serialize')](): number {
    return 1;
  }

  static [Symbol.for('multiproc.deserialize')](): never {
    throw new Error('unreadable');
  }
}
