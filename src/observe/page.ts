/**
 * The page of `multiproc serve`: one document without requests to other hosts. It asks for `/state` every two seconds, and
 * writes names as text, never as markup.
 */
import { createHash } from 'node:crypto';

const style = `
:root { color-scheme: light dark; --line: #8886; --weak: light-dark(#595959, #b0b0b0); --bad: light-dark(#b00020, #ff8a80); }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.3rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 1.4rem 0 .3rem; }
p { margin: .2rem 0; color: var(--weak); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem .25rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; color: var(--weak); white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.bad { color: var(--bad); font-weight: 600; }
svg { width: 120px; height: 24px; }
polyline { fill: none; stroke: currentColor; stroke-width: 1.5; }
progress { width: 8rem; }
summary { cursor: pointer; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0; }
`;

const script = `
'use strict';
const history = new Map();
const open = new Set();
const most = 150;
const get = (id) => document.getElementById(id);

function element(name, content, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const part of Array.isArray(content) ? content : [content ?? '']) made.append(part);
  return made;
}
function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (count >= 1024 && unit < 4) { count /= 1024; unit++; }
  return (unit === 0 ? count : count.toFixed(1)) + ' ' + units[unit];
}
function table(id, headings, rows, empty) {
  const place = get(id);
  if (rows.length === 0) { place.replaceChildren(element('p', empty)); return; }
  const head = element('tr', headings.map(([text, kind]) => {
    const cell = element('th', text, kind);
    cell.scope = 'col';
    return cell;
  }));
  const body = rows.map((row) => element('tr', row.map((cell, i) => element('td', cell, headings[i][1]))));
  place.replaceChildren(element('table', [element('thead', head), element('tbody', body)]));
}
function sparkline(values, label) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  const top = Math.max(1, ...values);
  const line = document.createElementNS(ns, 'polyline');
  line.setAttribute('points', values.map((v, i) => (i * 120 / most).toFixed(1) + ',' + (23 - 22 * v / top).toFixed(1)).join(' '));
  svg.setAttribute('viewBox', '0 0 120 24');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  svg.append(line);
  return svg;
}
function bar(value, max, label) {
  const made = element('progress');
  made.max = Math.max(max, 1);
  made.value = value;
  made.setAttribute('aria-label', label);
  return made;
}
function rate(past, field, seconds) {
  const [before, now] = [past.at(-2), past.at(-1)];
  if (before === undefined || seconds <= 0) return '';
  return (((now[field] - before[field]) >>> 0) / seconds).toFixed(0);
}
function nameOf(object) {
  const details = element('details', [element('summary', object.name ?? '(' + object.file + ')')]);
  const key = object.file;
  details.open = open.has(key);
  details.addEventListener('toggle', () => { if (details.open) open.add(key); else open.delete(key); });
  const past = history.get(key) ?? [];
  const kept = past.map((each) => each.length).filter((each) => each !== undefined);
  if (kept.length > 1) details.append(sparkline(kept, 'length in the last minutes'));
  details.append(element('pre', JSON.stringify(object, null, 1)));
  return details;
}
function show(state) {
  const { titles } = state;
  const who = (pid) => pid === null ? 'a process that has ended' : pid + (titles[pid] ? ' (' + titles[pid] + ')' : '');
  const pids = (list) => list.length === 0 ? '-' : list.map(who).join(', ');
  get('summary').textContent = new Date(state.time).toLocaleTimeString() + ': ' + state.count + ' objects, ' +
    bytes(state.memory) + '; ' + bytes(state.shmFreeBytes) + ' of ' + bytes(state.shmBytes) + ' free in /dev/shm; ' +
    state.participants + ' threads take part';
  const live = new Set(state.objects.map((each) => each.file));
  for (const key of history.keys()) if (!live.has(key)) history.delete(key);
  for (const object of state.objects) {
    const past = history.get(object.file) ?? [];
    past.push({ time: state.time, length: object.length ?? object.pool?.busy ?? object.map?.entries, put: object.queue?.put, taken: object.queue?.taken });
    if (past.length > most) past.shift();
    history.set(object.file, past);
  }
  const stuck = state.waits.filter((each) => each.on === 'holders' || each.event === 'a permit');
  table('stuck', [['Process'], ['Waits for'], ['Held by, or open in']], stuck.map((each) => [
    who(each.pid), each.kind + ' ' + (each.name ?? '(' + each.file + ')'),
    element('span', each.by.map((one) => who(one.pid) + (one.alive ? '' : ', which has ended') +
      (state.stopped.includes(one.pid) ? ', which is stopped' : '')).join(', ') || '-', 'bad')]),
    'No process waits for a lock or for permits.');
  const queues = state.objects.filter((each) => each.queue);
  table('queues', [['Queue'], ['Messages', 'number'], ['Depth'], ['In/s', 'number'], ['Out/s', 'number'], ['Unacked', 'number'], ['Readers'], ['Writers']],
    queues.map((each) => {
      const past = history.get(each.file);
      const seconds = past.length < 2 ? 0 : (past.at(-1).time - past.at(-2).time) / 1000;
      return [nameOf(each), String(each.queue.length), sparkline(past.map((one) => one.length), 'depth in the last minutes'),
        rate(past, 'put', seconds), rate(past, 'taken', seconds), String(each.queue.unacknowledged ?? ''),
        pids(each.queue.waitingReaders), pids(each.queue.waitingWriters)];
    }), 'There are no queues.');
  table('pools', [['Pool'], ['Busy'], ['Workers', 'number'], ['Processes']], state.objects.filter((each) => each.pool).map((each) => [
    nameOf(each), bar(each.pool.busy, each.pool.workers, each.pool.busy + ' workers are busy'),
    each.pool.busy + ' of ' + each.pool.workers, pids(each.openers)]), 'There are no pools.');
  table('maps', [['Map'], ['Entries', 'number'], ['Memory'], ['Hits', 'number'], ['Misses', 'number'], ['Evicted', 'number']],
    state.objects.filter((each) => each.map).map(({ map, ...each }) => [nameOf({ map, ...each }), String(map.entries),
      bar(map.bytes, map.capacity, bytes(map.bytes) + ' of ' + bytes(map.capacity)), String(map.hits), String(map.misses), String(map.evictions)]),
    'There are no maps.');
  const rest = state.objects.filter((each) => !each.queue && !each.pool && !each.map);
  table('objects', [['Object'], ['Class'], ['Memory', 'number'], ['Held by'], ['Waiting'], ['Open in']], rest.map((each) => {
    const of = each.lock ?? each.semaphore ?? each.event ?? each.barrier;
    const holders = each.semaphore?.holders ?? (each.lock?.holder ? [each.lock.holder] : []);
    return [nameOf(each), each.kind, bytes(each.memory), pids(holders.map((one) => one.pid)), pids(of?.waiters ?? []), pids(each.openers)];
  }), 'There are no other named objects.');
}
async function look() {
  try {
    const answer = await fetch('state' + location.search);
    if (!answer.ok) throw new Error(await answer.text());
    show(await answer.json());
    get('problem').textContent = '';
  } catch (error) {
    get('problem').textContent = 'The server does not answer: ' + error.message;
  }
  window.setTimeout(look, 2000);
}
look();
`;

const html = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>multiproc</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<h1>multiproc</h1>
<p id="summary">Loading</p>
<p id="problem" class="bad" role="alert"></p>
<h2>Waits for a holder</h2><div id="stuck" class="scroll"></div>
<h2>Queues</h2><div id="queues" class="scroll"></div>
<h2>Pools</h2><div id="pools" class="scroll"></div>
<h2>Maps</h2><div id="maps" class="scroll"></div>
<h2>Locks, events and data</h2><div id="objects" class="scroll"></div>
</main>
<script>${script}</script>
</body>
</html>
`;

const policy = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(style)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The document, and its Content-Security-Policy. */
export function page(): { readonly html: string; readonly policy: string } {
  return { html, policy };
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
