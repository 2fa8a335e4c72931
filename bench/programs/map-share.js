// Processes that read (95 %) and write (5 %) one map of 10,000 keys at a time, by a Zipf distribution: `SYSTEM PROCESSES`
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SharedMap } from 'multiproc';
import { report } from './measure.js';
import { zipf } from './zipf.js';

const [system, processes, place] = process.argv.slice(2);
const count = 10_000;
const value = 'x'.repeat(100);
const keys = Array.from({ length: count }, (_, i) => `user:${i}`);
const calls = system === 'ours' ? 1_000_000 : 150_000;

const systems = {
  ours(place) {
    const map = new SharedMap({ name: place });
    return {
      get: (key) => map.get(key),
      set: (key) => map.set(key, value),
      close: () => map.close(),
      remove: () => SharedMap.unlink(place),
    };
  },
  async lmdb(place) {
    const { open } = await import('lmdb');
    const store = open({ path: place, noSync: true, overlappingSync: false });
    return {
      get: (key) => store.get(key),
      set: (key) => store.putSync(key, value),
      close: () => store.close(),
      remove: () => rmSync(place, { recursive: true }),
    };
  },
};

if (place === undefined) await lead();
else await follow();

async function lead() {
  const at = system === 'ours' ? `bench.map.${process.pid}` : mkdtempSync('/dev/shm/multiproc-bench-');
  const store = await systems[system](at);
  for (const key of keys) store.set(key);
  const crew = Array.from({ length: Number(processes) }, () =>
    fork(fileURLToPath(import.meta.url), [system, processes, at]),
  );
  const heard = (child) => new Promise((resolve) => child.once('message', resolve));
  await Promise.all(crew.map(heard));
  for (const child of crew) child.send('go');
  const times = await Promise.all(crew.map(heard));
  for (const child of crew) if (child.connected) child.disconnect();
  await store.close();
  store.remove();
  const began = Math.min(...times.map(([start]) => start));
  const ended = Math.max(...times.map(([, end]) => end));
  report({ perSecond: (calls * crew.length) / ((ended - began) / 1000) });
}

async function follow() {
  const store = await systems[system](place);
  const order = Array.from(zipf(count, 1 << 16, process.pid), (i) => keys[i]);
  const work = (calls) => {
    for (let i = 0; i < calls; i++) {
      if (i % 20 === 0) store.set(order[i & 65535]);
      else if (store.get(order[i & 65535]) !== value) throw new Error('a key has another value');
    }
  };
  work(calls / 10);
  process.once('message', async () => {
    const start = performance.timeOrigin + performance.now();
    work(calls);
    process.send([start, performance.timeOrigin + performance.now()]);
    await store.close();
  });
  process.send('ready');
}
