// Cleans up before the new version of an application starts: removes objects under its names where the new version
// needs another type, and keeps the others.
import { list, MultiprocError, unlinkAll, Value } from 'multiproc';

const app = `example.deploy.${process.pid}`;

// Version 1 has ended, and has left these: named objects last until they are unlinked.
new Value('i', 7, { name: `${app}.jobs` }).close();
new Value('i', 3, { name: `${app}.v1.visits` }).close();

// Version 2 counts visits in 64 bits. Under the old name that is an error, which says what there is.
try {
  new Value('q', 0n, { name: `${app}.v1.visits` });
} catch (error) {
  if (!(error instanceof MultiprocError)) throw error;
  console.log(error.code); // → ERR_MULTIPROC_KIND
}

// With versions in names both can run at the same time, as in a rolling deploy: shared objects have names without one.
const jobs = new Value('i', 0, { name: `${app}.jobs` });
const visits = new Value('q', 0n, { name: `${app}.v2.visits` });
console.log('jobs', jobs.value, 'visits', visits.value); // → jobs 7 visits 0n

// Once no process of version 1 is left:
const inUse = list(`${app}.v1.`).flatMap(({ openers }) => openers.filter((pid) => pid !== process.pid));
if (inUse.length === 0) console.log('removed', unlinkAll(`${app}.v1.`).length); // → removed 1

jobs.close();
visits.close();
unlinkAll(`${app}.`);
