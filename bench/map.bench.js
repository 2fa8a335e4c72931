// SharedMap: reads and writes of 10,000 keys, beside a Map of one process and a dict behind a manager's server.
import { node } from './harness/contestant.js';

const rows = ['string', 'object'].flatMap((form) => [
  {
    title: `SharedMap: get, ${form === 'string' ? 'a string of 100 bytes' : 'an object of five fields'}`,
    unit: 'ns',
    figure: 'ns',
    contestants: {
      ours: node('multiproc SharedMap', 'map.js', ['get', form]),
      map: node('Map, in one process', 'map.js', ['mapGet', form]),
      dict: node('multiproc Manager().dict(), sync', 'map.js', ['dict', form]),
    },
    targets: [{ text: 'SharedMap', atMost: form === 'string' ? 250 : 600, of: (m) => m.ours.ns }],
  },
  {
    title: `SharedMap: set, ${form === 'string' ? 'a string of 100 bytes' : 'an object of five fields'}`,
    unit: 'ns',
    figure: 'ns',
    contestants: {
      ours: node('multiproc SharedMap', 'map.js', ['set', form]),
      map: node('Map, in one process', 'map.js', ['mapSet', form]),
    },
    targets: [{ text: 'SharedMap', atMost: form === 'string' ? 500 : 900, of: (m) => m.ours.ns }],
  },
]);

export default [
  ...rows,
  {
    title: 'RateLimiter: consume',
    unit: 'ns',
    figure: 'ns',
    contestants: { ours: node('multiproc RateLimiter', 'map.js', ['consume']) },
    targets: [{ text: 'RateLimiter.consume', atMost: 400, of: (m) => m.ours.ns }],
  },
];
