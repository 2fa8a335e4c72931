// A process as a class: start() calls its run() in the child, which has the fields that the constructor set.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainProcess, Process } from 'multiproc';

export class ClockProcess extends Process {
  readonly interval: number;

  constructor(interval: number) {
    super();
    this.interval = interval;
  }

  override async run(): Promise<void> {
    for (let n = 5; n > 0; n--) {
      console.log(`the time is ${new Date().toUTCString()}`);
      await sleep(this.interval);
    }
  }
}

if (isMainProcess) {
  const p = new ClockProcess(30);
  p.start();
  console.log('p.pid:', p.pid);
  console.log('p.name:', p.name);
  console.log('p.isAlive:', p.isAlive());
  // In any order:
  // → /^p.pid: \d+$/
  // → p.name: ClockProcess-1
  // → p.isAlive: true
  // 5 × → /^the time is .+ GMT$/
}
