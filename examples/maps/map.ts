import { SharedMap } from 'multiproc';

// The same map in every process of the machine that names it.
const cache = new SharedMap<string, { name: string; visits: number }>({ name: 'docs.cache', ttl: 60_000 });

cache.set('user:1', { name: 'Ada', visits: 1 });
console.log(cache.get('user:1')); // → { name: 'Ada', visits: 1 }
console.log(cache.get('user:2')); // → undefined

// Of all callers in all processes one computes, and the others wait for it.
const user = await cache.getOrCompute('user:2', async () => ({ name: 'Grace', visits: 0 }), { ttl: 5000 });
console.log(user.name); // → Grace

// Atomic: no write of others in between is lost.
cache.update('user:1', (ada) => ada && { ...ada, visits: ada.visits + 1 });
console.log(cache.get('user:1')?.visits); // → 2

for (const [key, { name }] of cache) console.log(key, name);
// In any order:
// → user:1 Ada
// → user:2 Grace
// In this order:
console.log(cache.size, cache.stats().own.hits > 0); // → 2 true

cache.close();
SharedMap.unlink('docs.cache');
