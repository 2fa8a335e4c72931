import { JoinableQueue } from 'multiproc';

const tasks = new JoinableQueue<number>();
for (const task of [1, 2, 3]) await tasks.put(task);
tasks.end();

let sum = 0;
const worker = async () => {
  for await (const task of tasks) {
    sum += task;
    tasks.taskDone();
  }
};
await Promise.all([tasks.join(), worker(), worker()]);
console.log(sum); // → 6
tasks.close();
