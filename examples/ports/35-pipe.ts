// The same with a pipe, all children sending into one end.
import { type Connection, isMainProcess, Pipe, Process } from 'multiproc';

export class MyProcess extends Process {
  readonly func: (name: string, conn: Connection) => Promise<void>;
  readonly args: [string, Connection];

  constructor(name: string, func: (name: string, conn: Connection) => Promise<void>, args: [string, Connection]) {
    super({ name });
    this.func = func;
    this.args = args;
  }

  override async run(): Promise<void> {
    await this.func(...this.args);
  }
}

export async function func(name: string, childConn: Connection): Promise<void> {
  console.log('start process...');
  await childConn.send(name.toUpperCase());
}

if (isMainProcess) {
  const processes: MyProcess[] = [];
  const [parentConn, childConn] = Pipe();
  for (let i = 0; i < 3; i++) {
    const p = new MyProcess('process', func, ['kel', childConn]);
    processes.push(p);
  }
  for (const i of processes) i.start();
  for (const i of processes) await i.join();
  for (const _ of processes) console.log(await parentConn.recv());
  // 3 × → start process...
  // 3 × → KEL
}
