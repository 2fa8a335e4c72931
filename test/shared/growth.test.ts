/** A thousand objects opened and closed leave no descriptor, no mapping and no memory behind. */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';

t.before(() => leaveNothing(t));

interface Growth {
  kind: string;
  how: string;
  fds: number;
  maps: number;
  bytes: number;
}

t.test('nothing grows with the objects that were closed', async (t) => {
  const child = program(t, 'growth', { execArgv: ['--expose-gc'], timeout: 110_000 });
  for (let growth = await child.message<Growth | 'done'>(); growth !== 'done'; growth = await child.message()) {
    const { kind, how, fds, maps, bytes } = growth;
    // One leak for each object would make a thousand; V8 and malloc map a little as they like.
    t.ok(fds < 20, `${kind}, ${how}: ${fds} descriptors`);
    t.ok(maps < 100, `${kind}, ${how}: ${maps} mappings`);
    // What was handed out is not used again while its arena lives: 64 bytes each, in arenas of up to 4 MiB.
    t.ok(bytes < 40 * 1024 * 1024, `${kind}, ${how}: ${bytes} bytes`);
  }
  await child.ended;
});
