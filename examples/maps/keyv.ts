import Keyv from 'keyv';
import { KeyvSharedMap } from 'multiproc/keyv';

// One cache for all processes that name it: the options are those of SharedMap.
const store = new KeyvSharedMap({ name: 'docs.keyv', ttl: 60_000 });
const users = new Keyv({ store, namespace: 'users' });

await users.set('ada', { name: 'Ada' }, 5000);
console.log(await users.get('ada')); // → { name: 'Ada' }
console.log(await users.get('grace')); // → undefined

// The map itself, with keys as Keyv makes them.
console.log([...store.map.keys()]); // → [ 'users:ada' ]

store.map.unlink();
await users.disconnect();
