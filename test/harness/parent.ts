/** The other side of `program`: how a program under test/programs/ speaks with the test that started it. */
import { Inbox } from './inbox.js';

let inbox: Inbox<unknown> | undefined;

/** Sends a message to the test; resolves when it is on its way, so that a SIGKILL straight afterwards cannot lose it. */
export function tell(message: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!process.send) throw new Error('this program was not started by program()');
    process.send(message, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}

/** The next message from the test. From the first call on, the channel keeps this process alive until `hangUp()`. */
export function hear<T = unknown>(): Promise<T> {
  if (inbox === undefined) {
    const fresh = new Inbox<unknown>();
    process.on('message', (message) => fresh.put(message));
    process.on('disconnect', () => fresh.end(new Error('the test is gone')));
    inbox = fresh;
  }
  return inbox.take() as Promise<T>;
}

/** Closes the channel: this process ends when nothing else keeps it alive. */
export function hangUp(): void {
  process.disconnect();
}
