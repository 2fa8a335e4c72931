/** The places in a program that a process can be started from: each calls `go` there and gives what it returned. */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { stat } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers';

type Place = <T>(go: () => T) => Promise<T>;

function later<T>(schedule: (call: () => void) => void, go: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    schedule(() => {
      try {
        resolve(go());
      } catch (error) {
        reject(error);
      }
    });
  });
}

export const places: Record<string, Place> = {
  async 'after an await'(go) {
    await Promise.resolve();
    return go();
  },
  'a timer': (go) => later((call) => setTimeout(call, 1), go),
  'an interval': (go) =>
    later((call) => {
      const interval = setInterval(() => {
        clearInterval(interval);
        call();
      }, 1);
    }, go),
  'after an await between two timers': (go) =>
    later((call) => {
      const sleeps = [1, 1].map(() => new Promise((resolve) => setTimeout(resolve, 1)));
      void sleeps[0]?.then(call);
    }, go),
  'the first of immediates': (go) => later((call) => [call, () => {}].map((one) => setImmediate(one)), go),
  'an immediate among others': (go) => later((call) => [() => {}, call, () => {}].map((one) => setImmediate(one)), go),
  'a microtask between immediates': (go) =>
    later((call) => [() => queueMicrotask(call), () => {}].map((one) => setImmediate(one)), go),
  'a handler of an error in an immediate': (go) =>
    later((call) => {
      process.once('uncaughtException', call);
      const fail = () => {
        throw new Error('planned');
      };
      for (const one of [() => {}, fail, () => {}]) setImmediate(one);
    }, go),
  'a tick': (go) => later(process.nextTick, go),
  'a microtask': (go) => later(queueMicrotask, go),
  'a callback of fs': (go) => later((call) => stat('/', call), go),
  'a connection': (go) =>
    later((call) => {
      const server = net.createServer((socket) => {
        server.close();
        socket.destroy();
        call();
      });
      server.listen(0, () => net.connect((server.address() as AddressInfo).port).on('error', () => {}));
    }, go),
  'a request': (go) =>
    later((call) => {
      const server = http.createServer((_request, response) => {
        call();
        response.end();
        server.close();
      });
      server.listen(0, () => http.get({ port: (server.address() as AddressInfo).port }, (answer) => answer.resume()));
    }, go),
  'a signal handler': (go) =>
    later((call) => {
      process.once('SIGUSR2', call);
      process.kill(process.pid, 'SIGUSR2');
    }, go),
  'a handler of uncaught errors': (go) =>
    later((call) => {
      process.once('uncaughtException', call);
      setTimeout(() => {
        throw new Error('planned');
      }, 1);
    }, go),
  'a handler of unhandled rejections': (go) =>
    later((call) => {
      process.once('unhandledRejection', call);
      void Promise.reject(new Error('planned'));
    }, go),
  'a listener': (go) =>
    later((call) => {
      new EventEmitter().on('event', call).emit('event');
    }, go),
  async 'an async generator'(go) {
    async function* generate() {
      yield go();
    }
    for await (const made of generate()) return made;
    throw new Error('unreachable');
  },
  async 'a reviver of JSON.parse'(go) {
    return JSON.parse('1', () => go());
  },
  async 'a comparison of sort'(go) {
    const made: ReturnType<typeof go>[] = [];
    [2, 1].sort(() => {
      if (made.length === 0) made.push(go());
      return 0;
    });
    return made[0] as ReturnType<typeof go>;
  },
  async 'a replacement'(go) {
    const made: ReturnType<typeof go>[] = [];
    'x'.replace('x', () => String(made.push(go())));
    return made[0] as ReturnType<typeof go>;
  },
  async 'a trap of a Proxy'(go) {
    return new Proxy({} as { x: ReturnType<typeof go> }, { get: () => go() }).x;
  },
  'a run of AsyncLocalStorage': (go) => new AsyncLocalStorage().run(1, () => later((call) => setTimeout(call, 1), go)),
  async 'an AsyncResource'(go) {
    return new AsyncResource('TEST').runInAsyncScope(go);
  },
  async 'a deep stack'(go) {
    const descend = (depth: number): ReturnType<typeof go> => (depth === 0 ? go() : descend(depth - 1));
    return descend(3000);
  },
};
