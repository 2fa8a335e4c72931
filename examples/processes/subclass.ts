import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process } from 'multiproc';

export class Clock extends Process {
  ticks: string[] = [];

  readonly interval: number;

  constructor(interval: number) {
    super();
    this.interval = interval;
  }

  override async run(): Promise<void> {
    for (let i = 1; i <= 5; i++) {
      this.ticks.push(`tick ${i}`);
      console.log(this.name, 'tick', i);
      await sleep(this.interval);
    }
  }
}

if (isMainProcess) {
  const clock = new Clock(10);
  clock.start();
  // → Clock-1 tick 1
  // → Clock-1 tick 2
  // → Clock-1 tick 3
  // → Clock-1 tick 4
  // → Clock-1 tick 5
  await clock.join();
  // The child had fields of its own: processes share nothing by accident.
  console.log(clock.ticks.length); // → 0
}
