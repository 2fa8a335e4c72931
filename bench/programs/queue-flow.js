// Ours: messages from producers to consumers, each a process: `KIND FORM COUNT MAXSIZE PRODUCERS CONSUMERS`.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { deserialize, Queue, serialize } from 'multiproc';
import { report } from './measure.js';
import { messages } from './messages.js';

const [kind, form, count, maxsize, producers, consumers, role] = process.argv.slice(2);
if (role === undefined) await lead();
else process.once('message', follow);

async function lead() {
  const queue = new Queue(Number(maxsize));
  const results = new Queue();
  const crew = [];
  for (let i = 0; i < Number(producers) + Number(consumers); i++) {
    const role = i < Number(producers) ? 'put' : 'get';
    const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), role], { serialization: 'advanced' });
    child.send([serialize(queue), serialize(results)]);
    crew.push(child);
  }
  for (const _ of crew) await results.get();
  for (const child of crew) child.send('go');
  const times = [];
  for (const _ of crew) times.push(await results.get());
  const began = Math.min(...times.map(([start]) => start));
  const ended = Math.max(...times.map(([, end]) => end));
  report({ perSecond: Number(count) / ((ended - began) / 1000) });
  for (const child of crew) if (child.connected) child.disconnect();
  results.close();
  queue.close();
}

function follow([queueBytes, resultBytes]) {
  const queue = deserialize(queueBytes);
  const results = deserialize(resultBytes);
  const mine = Number(count) / Number(role === 'put' ? producers : consumers);
  process.once('message', async () => {
    const start = performance.timeOrigin + performance.now();
    if (role === 'put') await put(queue, messages[kind], mine);
    else await get(queue, mine);
    results.putSync([start, performance.timeOrigin + performance.now()]);
  });
  results.putSync('ready');
}

async function put(queue, make, n) {
  if (form === 'sync') for (let i = 0; i < n; i++) queue.putSync(make(i));
  else for (let i = 0; i < n; i++) await queue.put(make(i));
}

async function get(queue, n) {
  if (form === 'sync') for (let i = 0; i < n; i++) queue.getSync();
  else for (let i = 0; i < n; i++) await queue.get();
}
