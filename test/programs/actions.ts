/** An action that other processes find again, for barrier.test.ts. */
import { Event } from 'multiproc';

export function actionFor(): void {
  const acted = new Event({ name: process.env.TEST_BARRIER_EVENT });
  acted.set();
  acted.close();
}
