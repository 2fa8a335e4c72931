// At most two at a time, in all services together, however they were started. One that is killed inside gives its place back.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Semaphore } from 'multiproc';

const [, , role, name = `example.limit.${process.pid}`] = process.argv;

if (role === 'service') {
  // A program of its own: it knows the limit's name and nothing else.
  const limit = new Semaphore(2, { name, robust: true });
  await limit.run(async () => {
    console.log('inside');
    for await (const _ of process.stdin); // the work, which here lasts until it is told to end
  });
} else {
  const limit = new Semaphore(2, { name, robust: true });
  const [one, two, three] = [service(), service(), service()];
  const inside = await Promise.all([firstOf([one, two, three]), secondOf([one, two, three])]);
  console.log('inside', inside.length, 'free', limit.getValue()); // → inside 2 free 0

  const [victim, other] = inside as [Service, Service];
  victim.child.kill('SIGKILL');
  const third = [one, two, three].find((each) => !inside.includes(each)) as Service;
  await third.isInside;
  console.log('the third one is inside'); // → the third one is inside

  for (const { child, ended } of [other, third]) {
    child.stdin?.end();
    await ended;
  }
  console.log('free', limit.getValue()); // → free 2
  limit.unlink();
}

interface Service {
  child: ChildProcess;
  isInside: Promise<unknown>;
  ended: Promise<unknown>;
}

function service(): Service {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'service', name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
  return {
    child,
    isInside: new Promise((resolve) => lines.once('line', resolve)),
    ended: new Promise((resolve) => child.once('close', resolve)),
  };
}

function firstOf(services: Service[]): Promise<Service> {
  return Promise.race(services.map((each) => each.isInside.then(() => each)));
}

async function secondOf(services: Service[]): Promise<Service> {
  const first = await firstOf(services);
  return firstOf(services.filter((each) => each !== first));
}
