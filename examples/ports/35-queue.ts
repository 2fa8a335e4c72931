// The same with a queue: what the children put into it arrives.
import { isMainProcess, Process, Queue } from 'multiproc';

export class MyProcess extends Process {
  readonly func: (name: string, q: Queue<string>) => Promise<void>;
  readonly args: [string, Queue<string>];

  constructor(name: string, func: (name: string, q: Queue<string>) => Promise<void>, args: [string, Queue<string>]) {
    super({ name });
    this.func = func;
    this.args = args;
  }

  override async run(): Promise<void> {
    await this.func(...this.args);
  }
}

export async function func(name: string, q: Queue<string>): Promise<void> {
  console.log('start process...');
  await q.put(name.toUpperCase());
}

if (isMainProcess) {
  const processes: MyProcess[] = [];
  const q = new Queue<string>();
  for (let i = 0; i < 3; i++) {
    const p = new MyProcess('process', func, ['kel', q]);
    processes.push(p);
  }
  for (const i of processes) i.start();
  for (const i of processes) await i.join();
  while (q.qsize() > 0) console.log(await q.get());
  // 3 × → start process...
  // 3 × → KEL
}
