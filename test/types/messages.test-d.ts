// Queues and connections carry the type that their user gives them.
import {
  type Connection,
  type DeadLetter,
  type Inspection,
  inspect,
  JoinableQueue,
  type JoinableQueueInfo,
  Pipe,
  Queue,
  type QueueInfo,
  SimpleQueue,
  type TakenMessage,
} from 'multiproc';
import { expectError, expectType } from 'tsd';

const queue = new Queue<{ job: number }>(10, { name: 'name', capacity: 1 << 20 });
expectType<Promise<{ job: number }>>(queue.get());
expectType<{ job: number } | undefined>(queue.tryGet());
expectType<Promise<{ job: number }[]>>(queue.getMany(10));
expectType<Promise<void>>(queue.put({ job: 1 }, { timeout: 10 }));
expectError(queue.put('text'));
expectError(queue.putMany({ job: 1 }));
for await (const item of queue) expectType<{ job: number }>(item);

expectType<Queue<{ job: number }>>(Queue.open<{ job: number }>('name'));
expectType<Queue<number>>(Queue.create<number>(0, { name: 'name' }));
expectType<QueueInfo>(queue.stats());
expectType<Inspection>(inspect(queue));
expectType<Inspection>(inspect('name'));
expectError(inspect(5));

const opened = JoinableQueue.open<{ job: number }>('name');
expectType<JoinableQueue<{ job: number }>>(opened);
expectType<JoinableQueue<{ job: number }>>(JoinableQueue.create<{ job: number }>(0, { name: 'name', redeliver: true }));
expectType<JoinableQueue<unknown>>(JoinableQueue.open('name'));
const message = await opened.take(1000);
expectType<TakenMessage<{ job: number }>>(message);
expectType<{ job: number }>(message.value);
expectType<number>(message.attempts);
expectType<void>(message.done());
expectType<void>(message.retry({ delay: 10 }));
expectType<void>(message.fail(new Error('no')));
expectError(message.retry(10));
expectType<TakenMessage<{ job: number }> | undefined>(opened.tryTake());
expectType<TakenMessage<{ job: number }>[]>(opened.takeManySync(3));
for await (const one of opened.messages()) expectType<{ job: number }>(one.value);
expectType<DeadLetter<{ job: number }>[]>(opened.deadLetters());
expectType<JoinableQueueInfo>(opened.stats());
expectError(new JoinableQueue(0, { maxAttempts: '3' }));
expectError(queue.take());
new JoinableQueue(0, { lease: 1000, maxAttempts: 3, deadLetter: queue });

const tasks = new JoinableQueue<string>();
expectType<void>(tasks.taskDone('text'));
expectType<void>(tasks.taskDone());
expectType<Promise<void>>(tasks.join(1000));
expectError(queue.taskDone());
expectError(new SimpleQueue<string>().getMany(1));

const [left, right] = Pipe();
expectType<Connection>(left);
expectType<Promise<void>>(right.send({ any: 'value' }));
expectType<Promise<Buffer>>(left.recvBytes());
expectType<boolean>(left.pollSync(0));
