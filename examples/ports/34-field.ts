// A process stores its result in a field of its own: the parent's field stays as it was.
import { isMainProcess, Process } from 'multiproc';

export class MyProcess extends Process {
  res = '';

  readonly func: (name: string) => string;
  readonly args: [string];

  constructor(name: string, func: (name: string) => string, args: [string]) {
    super({ name });
    this.func = func;
    this.args = args;
  }

  override run(): [string, string] {
    this.res = this.func(...this.args);
    console.log(this.name);
    console.log(this.res);
    return [this.res, 'kel'];
  }
}

export function func(name: string): string {
  console.log('start process...');
  return name.toUpperCase();
}

if (isMainProcess) {
  const processes: MyProcess[] = [];
  const result: string[] = [];
  for (let i = 0; i < 3; i++) {
    const p = new MyProcess('process', func, ['kel']);
    processes.push(p);
  }
  for (const i of processes) i.start();
  for (const i of processes) await i.join();
  for (const i of processes) result.push(i.res);
  for (const i of result) console.log(`in the parent: '${i}'`);
  // In any order:
  // 3 × → start process...
  // 3 × → process
  // 3 × → KEL
  // In this order:
  // 3 × → in the parent: ''
}
