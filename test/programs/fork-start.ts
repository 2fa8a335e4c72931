/** Processes started by fork, one way each; the argument says which. Tells the test what came out. */
import { readFileSync, writeSync } from 'node:fs';
import http from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { isMainThread, Worker } from 'node:worker_threads';
import { currentProcess, Event, Lock, Process, parentProcess, Queue, Semaphore, setStartMethod } from 'multiproc';
import { hangUp, tell } from '../harness/parent.js';

setStartMethod('fork');

async function ended(options: ConstructorParameters<typeof Process>[0]): Promise<Record<string, unknown>> {
  const child = new Process(options);
  child.start();
  const result = await child.result.catch((error: Error) => error.message);
  await child.join();
  return { exitCode: child.exitCode, result };
}

function refusal(start: () => void): unknown {
  try {
    start();
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    return { name, code, message };
  }
  return 'none';
}

const ways: Record<string, () => unknown> = {
  async 'a closure'() {
    const secret = { count: 1, next: () => ++secret.count };
    const returned = await ended({
      target: (given: typeof secret) => [given === secret, given.next()],
      args: [secret],
    });
    return { ...returned, here: secret.count };
  },
  async 'a subclass'() {
    class Counter extends Process {
      readonly #start: number;
      readonly callback: () => number;
      seen = 0;
      constructor(start: number) {
        super({ name: 'counter' });
        this.#start = start;
        this.callback = () => this.#start + this.seen;
      }
      override run(): unknown {
        this.seen = 5;
        return [this.callback(), this === currentProcess(), this.name, parentProcess()?.pid === process.ppid];
      }
    }
    const counter = new Counter(10);
    counter.start();
    return { result: await counter.result, seen: counter.seen };
  },
  async 'requests under way'() {
    // A name server that does not answer, files, and a request that nobody answers.
    const server = http.createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const { port } = server.address() as { port: number };
    const request = http.get({ port }).on('error', () => {});
    await new Promise((resolve) => server.once('request', resolve));
    const reads = Array.from({ length: 40 }, () =>
      import('node:fs/promises').then((fs) => fs.readFile('/proc/self/stat')),
    );
    await reads[0];
    const child = await ended({ target: () => 'done' });
    request.destroy();
    server.closeAllConnections();
    server.close();
    return child;
  },
  async 'a wait just won'() {
    const [won, go, told] = [new Event(), new Event(), new Semaphore(0)];
    const waiting = won.wait();
    const setter = new Process({ target: () => [won.set(), told.release()] });
    setter.start();
    told.acquireSync();
    // This thread has not had a turn since: what the wait has won is still on its way to it.
    const child = ended({
      target: () => {
        const going = go.wait();
        told.release();
        return going;
      },
    });
    await told.acquire();
    go.set();
    return { ...(await child), here: await waiting, setter: await setter.join() };
  },
  async 'a handler of signals'() {
    // A signal to a child that has hardly begun is the child's alone, and reaches the handler that it has inherited.
    const parent = process.pid;
    let heard = 0;
    process.on('SIGTERM', () => {
      if (process.pid === parent) heard++;
      else process.exit(7);
    });
    const codes = new Map<number | null, number>();
    for (let round = 0; round < 60; round++) {
      const child = new Process({ target: () => new Event().wait() });
      child.start();
      child.terminate();
      await child.join();
      codes.set(child.exitCode, (codes.get(child.exitCode) ?? 0) + 1);
    }
    await nextTurn();
    return { codes: [...codes], heard };
  },
  async 'loops of the parent'() {
    const whole = Array.from({ length: 1024 }, (_, i) => i);
    const mixed = [...whole.slice(1), 0.5];
    const codes: (number | null)[] = [];
    for (let turns = 50_000; turns < 5_000_000; turns *= 2) {
      const body = `let s = ${turns}; for (let i = 0; i < n; i++) { s += list[i & 1023]; if (s > 1e9) s = 0; } return s`;
      const sum = new Function('n', 'list', body);
      // V8 compiles it while it runs, for whole numbers, and finds out in the child that there are others.
      sum(turns, whole);
      const child = await ended({ target: () => [sum(5_000, mixed), sum(300_000, mixed), sum(3_000_000, whole)] });
      codes.push(child.exitCode as number);
    }
    return codes;
  },
  async 'a wait that keeps the parent'() {
    const [there, back] = [new Queue<string>(), new Queue<string>()];
    const getting = there.get();
    await nextTurn();
    const child = ended({ target: () => [there.put('sent'), back.get()][1] });
    const here = await getting;
    await back.put('returned');
    return { ...(await child), here };
  },
  async 'a port'() {
    const server = http.createServer((_request, response) => response.end('from the parent'));
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const { port } = server.address() as { port: number };
    const child = new Process({ target: () => void setInterval(() => {}, 1000) });
    child.start();
    const agent = new http.Agent({ keepAlive: false });
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => http.get({ port, agent }, (answer) => answer.resume().on('end', resolve)));
    }
    await new Promise((resolve) => server.close(resolve));
    // The child must not hold the port.
    const again = http.createServer();
    await new Promise<void>((resolve, reject) => again.once('error', reject).listen(port, resolve));
    again.close();
    child.kill();
    await child.join();
    return { exitCode: child.exitCode };
  },
  async 'the standard streams'() {
    process.stdout.write('before ');
    const child = await ended({
      target: async () => {
        process.stdout.write(`child ${'.'.repeat(200_000)}\n`);
        console.error('child on stderr');
        let input = 0;
        for await (const chunk of process.stdin) input += chunk.length;
        return [input, readFileSync(0, 'utf8')];
      },
    });
    process.stdout.write('after\n');
    return child;
  },
  async 'streams elsewhere'() {
    return ended({
      target: () => {
        console.log('nobody reads this');
        console.error('this is on stdout');
      },
      stdio: ['ignore', 'ignore', 1],
    });
  },
  async environment() {
    process.env.FROM_PARENT = 'one';
    const before = process.env.PATH;
    const inherited = await ended({ target: () => [process.env.FROM_PARENT, process.env.PATH === before] });
    const given = await ended({ target: () => ({ ...process.env }), env: { ONLY: 'this', NOT: undefined } });
    return { inherited, given, path: process.env.PATH === before };
  },
  async 'node options'() {
    return refusal(() => new Process({ target: () => {}, execArgv: ['--expose-gc'] }).start());
  },
  async 'a lock'() {
    const lock = new Lock();
    await lock.acquire();
    const waiting = lock.acquire({ timeout: 20_000 });
    const child = await ended({ target: async () => [await lock.acquire(20), lock.locked()] });
    lock.release();
    return { ...child, got: await waiting };
  },
  async 'an exit handler'() {
    const told: unknown[] = [];
    process.on('exit', () => told.push(refusal(() => new Process({ target: () => {} }).start())));
    process.emit('exit', 0);
    (process as unknown as { _exiting: boolean })._exiting = true;
    process.emit('exit', 0);
    (process as unknown as { _exiting: boolean })._exiting = false;
    process.removeAllListeners('exit');
    process.exitCode = 0;
    return told[1];
  },
  'a context of node:vm': () =>
    runInNewContext('go()', { go: () => refusal(() => new Process({ target: () => {} }).start()) }),
  async 'no flag'() {
    return refusal(() => new Process({ target: () => {} }).start());
  },
  async 'in a Worker'() {
    const worker = new Worker(new URL(import.meta.url), { argv: ['in the Worker'], stdout: false });
    return new Promise((resolve) => worker.on('message', resolve));
  },
  async 'exit handlers of the child'() {
    return ended({
      target: () => {
        process.on('beforeExit', () => writeSync(1, 'beforeExit\n'));
        process.on('exit', (code) => writeSync(1, `exit ${code}\n`));
        process.exitCode = 4;
      },
    });
  },
  async 'a child of a child'() {
    return ended({
      target: async () => {
        const inner = await ended({ target: () => [currentProcess().name, parentProcess()?.name] });
        return inner;
      },
    });
  },
  async 'a child by spawn'() {
    return ended({
      target: async () => {
        const child = new Process({ target: { module: 'node:os', export: 'cpus' }, context: 'spawn' });
        child.start();
        const cpus = (await child.result) as unknown[];
        await child.join();
        return [child.exitCode, cpus.length > 0];
      },
    });
  },
  async 'a wrapped emit'() {
    const { emit } = process;
    const heard: string[] = [];
    process.emit = function (this: NodeJS.Process, event: string, ...rest: never[]) {
      if (event === 'exit') writeSync(1, 'the parent hears the exit\n');
      heard.push(event);
      return Reflect.apply(emit, this, [event, ...rest]);
    } as typeof process.emit;
    const child = await ended({ target: () => 1 });
    process.emit = emit;
    return child;
  },
};

if (isMainThread) {
  const told = await ways[process.argv[2] as string]?.();
  await tell(told);
  hangUp();
} else {
  const { parentPort } = await import('node:worker_threads');
  parentPort?.postMessage(refusal(() => new Process({ target: () => {} }).start()));
}
