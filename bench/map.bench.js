// SharedMap: 10,000 keys beside lmdb, Redis, a manager's dict and maps of one process; RateLimiter beside rate-limiter-flexible.
import { needing, node } from './harness/contestant.js';

const redis = (label, what) => needing('redis-server', node(label, 'map.js', [what, 'string']));

const rows = ['string', 'object'].flatMap((form) => [
  {
    title: `SharedMap: get, ${form === 'string' ? 'a string of 100 bytes' : 'an object of five fields'}`,
    unit: 'ns',
    figure: 'ns',
    contestants: {
      ours: node('multiproc SharedMap', 'map.js', ['get', form]),
      map: node('Map, in one process', 'map.js', ['mapGet', form]),
      lru: node('lru-cache, in one process', 'map.js', ['lruGet', form]),
      lmdb: node('lmdb in /dev/shm, noSync', 'map.js', ['lmdbGet', form]),
      dict: node('multiproc Manager().dict(), sync', 'map.js', ['dict', form]),
      ...(form === 'string' ? { redis: redis('Redis, Unix socket, one at a time', 'redisGet') } : {}),
    },
    targets: [
      { text: 'SharedMap', atMost: form === 'string' ? 250 : 600, of: (m) => m.ours.ns },
      ...(form === 'string' ? [{ text: 'Redis / SharedMap', atLeast: 200, of: (m) => m.redis.ns / m.ours.ns }] : []),
    ],
  },
  {
    title: `SharedMap: set, ${form === 'string' ? 'a string of 100 bytes' : 'an object of five fields'}`,
    unit: 'ns',
    figure: 'ns',
    contestants: {
      ours: node('multiproc SharedMap', 'map.js', ['set', form]),
      map: node('Map, in one process', 'map.js', ['mapSet', form]),
      lru: node('lru-cache, in one process', 'map.js', ['lruSet', form]),
      lmdb: node('lmdb in /dev/shm, noSync, putSync', 'map.js', ['lmdbSet', form]),
      put: node('lmdb in /dev/shm, noSync, put, amortised', 'map.js', ['lmdbPut', form]),
      ...(form === 'string' ? { redis: redis('Redis, Unix socket, one at a time', 'redisSet') } : {}),
    },
    targets: [{ text: 'SharedMap', atMost: form === 'string' ? 500 : 900, of: (m) => m.ours.ns }],
  },
]);

export default [
  ...rows,
  {
    title: 'SharedMap: 95 % get, 5 % set of strings of 100 bytes, Zipf 0.99',
    unit: 'calls per second, in all',
    figure: 'perSecond',
    contestants: {
      two: node('multiproc SharedMap, two processes', 'map-share.js', ['ours', '2']),
      one: node('multiproc SharedMap, one process', 'map-share.js', ['ours', '1']),
      lmdbTwo: node('lmdb in /dev/shm, noSync, two processes', 'map-share.js', ['lmdb', '2']),
      lmdbOne: node('lmdb in /dev/shm, noSync, one process', 'map-share.js', ['lmdb', '1']),
    },
    targets: [
      { text: 'two processes / one', atLeast: 1.8, of: (m) => m.two.perSecond / m.one.perSecond },
      { text: 'SharedMap / lmdb, two processes', atLeast: 3, of: (m) => m.two.perSecond / m.lmdbTwo.perSecond },
    ],
  },
  {
    title: 'SharedMap: hits of a Zipf trace, with room for a tenth of the keys',
    unit: 'percent',
    figure: 'percent',
    rounds: 1,
    contestants: {
      ours: node('multiproc SharedMap', 'map.js', ['hits']),
      lru: node('lru-cache', 'map.js', ['lruHits']),
    },
    targets: [{ text: 'below LRU, percent', atMost: 1, of: (m) => m.lru.percent - m.ours.percent }],
  },
  {
    title: 'RateLimiter: consume',
    unit: 'ns',
    figure: 'ns',
    contestants: {
      ours: node('multiproc RateLimiter', 'map.js', ['consume']),
      memory: node('rate-limiter-flexible, in memory, of one process', 'limiter-flexible.js', ['memory']),
      cluster: node('rate-limiter-flexible, cluster, one at a time', 'limiter-flexible.js', ['cluster']),
    },
    targets: [
      { text: 'RateLimiter.consume', atMost: 400, of: (m) => m.ours.ns },
      { text: "rate-limiter-flexible's cluster form / ours", atLeast: 50, of: (m) => m.cluster.ns / m.ours.ns },
    ],
  },
];
