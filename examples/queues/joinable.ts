import { JoinableQueue } from 'multiproc';

const tasks = new JoinableQueue<number>(0, { redeliver: true, maxAttempts: 3 });
for (const task of [1, 2, 3, -4]) await tasks.put(task);
tasks.end();

let sum = 0;
const worker = async () => {
  for await (const message of tasks.messages()) {
    try {
      if (message.value < 0) throw new RangeError(`cannot work on ${message.value}`);
      sum += message.value;
      message.done();
    } catch (error) {
      message.fail(error); // or message.retry({ delay: 1000 })
    }
  }
};
await Promise.all([tasks.join(), worker(), worker()]);
console.log(sum); // → 6
for (const letter of tasks.deadLetters()) console.log(letter.value, letter.attempts, String(letter.reason));
// → -4 1 RangeError: cannot work on -4
tasks.close();
