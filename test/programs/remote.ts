/** Does in another process (or Worker) what a test asks for by messages: the far end of harness/remote.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as multiproc from 'multiproc';
import { hear, tell } from '../harness/parent.js';
import type { Answer, Request } from '../harness/remote.js';

type Constructor = new (...args: unknown[]) => object;

const objects = new Map<number, Record<string, unknown>>();

for (let request = await hear<Request | 'bye'>(); request !== 'bye'; request = await hear<Request | 'bye'>()) {
  void serve(request);
}
process.exit();

async function serve(request: Request): Promise<void> {
  let answer: Answer;
  try {
    answer = { id: request.id, value: await perform(request) };
  } catch (error) {
    const { name, code, message } = error as { name: string; code?: string; message: string };
    answer = { id: request.id, error: { name, code, message } };
  }
  await tell(answer);
}

function objectAt(target: number): Record<string, unknown> {
  const object = objects.get(target);
  if (object === undefined) throw new Error(`there is no object ${target}`);
  return object;
}

async function perform({ target, operation, name, args }: Request): Promise<unknown> {
  const library = multiproc as unknown as Record<string, unknown>;
  switch (operation) {
    case 'new':
      objects.set(target, new (library[name] as Constructor)(...args) as Record<string, unknown>);
      return undefined;
    case 'static': {
      const [method = '', ...rest] = args as [string, ...unknown[]];
      const owner = library[name] as Record<string, (...args: unknown[]) => Record<string, unknown>>;
      objects.set(target, owner[method]?.(...rest) as Record<string, unknown>);
      return undefined;
    }
    case 'call':
      return (objectAt(target)[name] as (...args: unknown[]) => unknown).apply(objectAt(target), args);
    case 'get':
      return objectAt(target)[name];
    case 'set':
      objectAt(target)[name] = args[0];
      return undefined;
    case 'attach':
      objects.set(target, (library.deserialize as (bytes: unknown) => Record<string, unknown>)(args[0]));
      return undefined;
    case 'hold': {
      // Takes the lock for so long, blocking or not: for tests that need an exact overlap.
      const lock = objectAt(target) as unknown as multiproc.Lock;
      await lock.acquire();
      await sleep(args[0] as number);
      lock.release();
      return undefined;
    }
    case 'exit':
      process.exit(args[0] as number);
  }
}
