// Queues and connections carry the type that their user gives them.
import { type Connection, JoinableQueue, Pipe, Queue, SimpleQueue } from 'multiproc';
import { expectError, expectType } from 'tsd';

const queue = new Queue<{ job: number }>(10, { name: 'name', capacity: 1 << 20 });
expectType<Promise<{ job: number }>>(queue.get());
expectType<{ job: number } | undefined>(queue.tryGet());
expectType<Promise<{ job: number }[]>>(queue.getMany(10));
expectType<Promise<void>>(queue.put({ job: 1 }, { timeout: 10 }));
expectError(queue.put('text'));
expectError(queue.putMany({ job: 1 }));
for await (const item of queue) expectType<{ job: number }>(item);

const tasks = new JoinableQueue<string>();
expectType<void>(tasks.taskDone());
expectType<Promise<void>>(tasks.join(1000));
expectError(queue.taskDone());
expectError(new SimpleQueue<string>().getMany(1));

const [left, right] = Pipe();
expectType<Connection>(left);
expectType<Promise<void>>(right.send({ any: 'value' }));
expectType<Promise<Buffer>>(left.recvBytes());
expectType<boolean>(left.pollSync(0));
