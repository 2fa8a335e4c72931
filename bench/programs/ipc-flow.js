// Node's own channel between processes, with the serialization 'advanced': `KIND COUNT`.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { report } from './measure.js';
import { messages } from './messages.js';

const [kind, count, role] = process.argv.slice(2);
if (role === undefined) {
  const child = fork(fileURLToPath(import.meta.url), [kind, count, 'put'], { serialization: 'advanced' });
  let got = 0;
  let start = 0;
  child.on('message', () => {
    if (got++ === 0) start = performance.now();
    if (got === Number(count)) {
      report({ perSecond: Number(count) / ((performance.now() - start) / 1000) });
      child.disconnect();
    }
  });
} else {
  let i = 0;
  const more = () => {
    while (i < Number(count)) if (!process.send(messages[kind](i++)) && i % 256 === 0) return setImmediate(more);
  };
  more();
}
