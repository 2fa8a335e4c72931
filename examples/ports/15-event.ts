// One process waits for an event for ever, another only for a while; the event is set after that.
import { Event, isMainProcess, Process } from 'multiproc';

export async function waitForEvent(e: Event): Promise<void> {
  console.log('waitForEvent: starting');
  await e.wait();
  console.log(`waitForEvent: e.isSet() -> ${e.isSet()}`);
}

export async function waitForEventTimeout(e: Event, t: number): Promise<void> {
  console.log('waitForEventTimeout: starting');
  await e.wait(t);
  console.log(`waitForEventTimeout: e.isSet() -> ${e.isSet()}`);
}

if (isMainProcess) {
  const e = new Event();
  const w1 = new Process({ name: 'block', target: waitForEvent, args: [e] });
  w1.start();
  const w2 = new Process({ name: 'nonblock', target: waitForEventTimeout, args: [e, 200] });
  w2.start();

  console.log('main: waiting before calling Event.set()');
  await w2.join(); // instead of a sleep that is longer than the wait
  e.set();
  console.log('main: event is set');
  await w1.join();
  // In any order:
  // → main: waiting before calling Event.set()
  // → waitForEvent: starting
  // → waitForEventTimeout: starting
  // → waitForEventTimeout: e.isSet() -> false
  // → main: event is set
  // → waitForEvent: e.isSet() -> true
}
