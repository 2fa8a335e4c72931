// Consumers are processes of a class of their own, tasks are instances that know how to run, null tells a consumer to end.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuCount, isMainProcess, JoinableQueue, Process, Queue } from 'multiproc';

export class Consumer extends Process {
  readonly taskQueue: JoinableQueue<Task | null>;
  readonly resultQueue: Queue<string>;

  constructor(taskQueue: JoinableQueue<Task | null>, resultQueue: Queue<string>) {
    super();
    this.taskQueue = taskQueue;
    this.resultQueue = resultQueue;
  }

  override async run(): Promise<void> {
    const procName = this.name;
    while (true) {
      const nextTask = await this.taskQueue.get();
      if (nextTask === null) {
        // Poison pill means shutdown
        console.log(`${procName}: Exiting`);
        this.taskQueue.taskDone();
        break;
      }
      console.log(`${procName}: ${nextTask}`);
      const answer = await nextTask.call();
      await this.resultQueue.put(answer);
      this.taskQueue.taskDone();
    }
  }
}

export class Task {
  readonly a: number;
  readonly b: number;

  constructor(a: number, b: number) {
    this.a = a;
    this.b = b;
  }

  async call(): Promise<string> {
    await sleep(10); // pretend to take some time to do the work
    return `${this.a} * ${this.b} = ${this.a * this.b}`;
  }

  toString(): string {
    return `${this.a} * ${this.b}`;
  }
}

if (isMainProcess) {
  // Establish communication queues
  const tasks = new JoinableQueue<Task | null>();
  const results = new Queue<string>();

  // Start consumers
  const numConsumers = cpuCount() * 2;
  console.log(`Creating ${numConsumers} consumers`);
  const consumers = Array.from({ length: numConsumers }, () => new Consumer(tasks, results));
  for (const w of consumers) w.start();

  // Enqueue jobs
  let numJobs = 10;
  for (let i = 0; i < numJobs; i++) await tasks.put(new Task(i, i));

  // Add a poison pill for each consumer
  for (let i = 0; i < numConsumers; i++) await tasks.put(null);

  // Wait for all of the tasks to finish
  await tasks.join();

  // Start printing results
  while (numJobs > 0) {
    const result = await results.get();
    console.log('Result:', result);
    numJobs--;
  }
  // → /^Creating \d+ consumers$/
  // In any order:
  // 10 × → /^Consumer-\d+: \d \* \d$/
  // some → /^Consumer-\d+: Exiting$/
  // → Result: 0 * 0 = 0
  // → Result: 1 * 1 = 1
  // → Result: 2 * 2 = 4
  // → Result: 3 * 3 = 9
  // → Result: 4 * 4 = 16
  // → Result: 5 * 5 = 25
  // → Result: 6 * 6 = 36
  // → Result: 7 * 7 = 49
  // → Result: 8 * 8 = 64
  // → Result: 9 * 9 = 81
}
