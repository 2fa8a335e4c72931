// The first module that a fork server's node runs, before any preloaded module of the program: notes which threads node has
// by itself. Whatever is there later, a fork would not copy.
const { access, readdirSync } = require('node:fs');

const { NODE_OPTIONS = '', MULTIPROC_NODE_OPTIONS } = process.env;
// Preloaded modules see the program's own options.
if (MULTIPROC_NODE_OPTIONS !== undefined) {
  delete process.env.MULTIPROC_NODE_OPTIONS;
  if (MULTIPROC_NODE_OPTIONS === '') delete process.env.NODE_OPTIONS;
  else if (NODE_OPTIONS.endsWith(MULTIPROC_NODE_OPTIONS)) process.env.NODE_OPTIONS = MULTIPROC_NODE_OPTIONS;
}

try {
  // Starts libuv's pool, whose threads libuv makes anew in a forked child.
  access('/', () => {});
  process[Symbol.for('multiproc.threadsAtStart')] = readdirSync('/proc/self/task');
} catch {
  // The permission model forbids it.
}
delete require.cache[__filename];
