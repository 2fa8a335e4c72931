/** A /dev/shm that is missing, read-only, full, another's or not to be listed: errors name it and the cure, and nothing else fails. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { commandFile } from '../harness/command-file.js';
import { install, victim } from '../harness/users.js';

const asRoot = process.geteuid?.() === 0;
/** A mount namespace of its own, with rights that root has in it. */
const namespace = ['unshare', '--mount', ...(asRoot ? [] : ['--map-root-user'])];
const isAllowed = spawnSync(namespace[0] as string, [
  ...namespace.slice(1),
  'mount',
  '-t',
  'tmpfs',
  'none',
  '/dev/shm',
]);
const skip = isAllowed.status === 0 ? false : 'needs a mount namespace, which this machine does not give';

/** Programs of another user need a copy that they can read. */
const there = asRoot ? install(t) : undefined;
const here = new URL('../attacks/programs/shm-user.js', import.meta.url);
const user = there === undefined ? fileURLToPath(here) : `${there.folder}/programs/shm-user.js`;
const command = there?.command ?? commandFile;

interface Place {
  /** What makes it, in a shell. */
  readonly make: string;
  readonly code: string;
  readonly cure: RegExp;
  /** What works all the same. */
  readonly works?: boolean;
  /** Needs a program of another user than root. */
  readonly unprivileged?: boolean;
}

const fresh = 'mount -t tmpfs -o size=64m,mode=1777 none /dev/shm';
const places: Record<string, Place> = {
  'is missing': {
    make: 'mount -t tmpfs none /dev/shm && mkdir /dev/shm/new && for f in null zero urandom random tty; do touch /dev/shm/new/$f && mount --bind /dev/$f /dev/shm/new/$f; done && ln -s /proc/self/fd /dev/shm/new/fd && mount --rbind /dev/shm/new /dev',
    code: 'ENOENT',
    cure: /there is no folder \/dev\/shm, .*mount a tmpfs/,
  },
  'is read-only': {
    make: `${fresh} && mount -o remount,ro /dev/shm`,
    code: 'EROFS',
    cure: /\/dev\/shm is mounted read-only: mount a tmpfs/,
  },
  'is full': {
    make: 'mount -t tmpfs -o size=64k,mode=1777 none /dev/shm',
    code: 'ENOSPC',
    cure: /\/dev\/shm is full \(.* free of 0.1 MiB\).*--shm-size/,
  },
  'is another user’s': {
    make: `${fresh} && chmod 755 /dev/shm`,
    code: 'EACCES',
    cure: /belongs to user 0, group 0, with mode 755: expected a tmpfs with mode 1777/,
    unprivileged: true,
  },
  'cannot be listed': {
    make: `${fresh} && chmod 1733 /dev/shm`,
    code: 'EACCES',
    cure: /belongs to user 0, group 0, with mode 1733: expected a tmpfs with mode 1777/,
    works: true,
    unprivileged: true,
  },
};

async function run(
  make: string,
  dropped: boolean,
  ...args: string[]
): Promise<{ code: number | null; output: string }> {
  const drop = dropped ? ['setpriv', `--reuid=${victim}`, `--regid=${victim}`, '--clear-groups'] : [];
  const [first, ...rest] = namespace;
  const script = `${make} && exec "$@"`;
  const node = (dropped ? there?.node : undefined) ?? process.execPath;
  const child = spawn(first as string, [...rest, 'sh', '-c', script, 'sh', ...drop, node, ...args], { cwd: '/' });
  const watchdog = setTimeout(() => child.kill('SIGKILL'), 60_000);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const [code] = await once(child, 'close');
  clearTimeout(watchdog);
  return { code, output };
}

for (const [what, { make, code, cure, works = false, unprivileged = false }] of Object.entries(places)) {
  t.test(
    `/dev/shm ${what}`,
    { skip: skip || (unprivileged && !asRoot && 'needs root, to make a folder of another user') },
    async (t) => {
      const doctor = await run(make, unprivileged, command, 'doctor');
      t.equal(doctor.code, 1, 'doctor finds a fault');
      t.match(doctor.output, cure);
      t.match(doctor.output, /^ok +mappings/m, 'and makes its other checks');
      const sweep = await run(make, unprivileged, command, 'sweep');
      t.match(sweep, { code: 1, output: cure });
      t.notMatch(sweep.output, /^ +at /m, 'no stack');

      const program = await run(make, unprivileged, user);
      t.equal(program.code, 0, program.output);
      const found = JSON.parse(program.output);
      for (const part of ['lock', 'memory', 'pool', 'manager']) {
        if (works) t.equal(found[part], 'works', part);
        else t.match(found[part], { code, message: cure }, part);
      }
      if (works) t.match(found.sweep, { code, message: cure }, 'an explicit sweep says why');
    },
  );
}

t.test('TMPDIR', async (t) => {
  for (const [what, folder] of Object.entries({
    missing: '/nowhere',
    'not writable': '/proc',
    long: `/${'x'.repeat(90)}`,
  })) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [user, 'listen'], {
      env: { ...process.env, TMPDIR: folder },
      encoding: 'utf8',
    });
    t.equal(status, 0, stderr);
    t.match(stdout, /^"\/tmp\/multiproc-/, `${what}: sockets lie in /tmp`);
  }
  const hidden = fileURLToPath(here).startsWith('/tmp/') && 'the package itself lies in /tmp, which this hides';
  t.test('without /tmp the error names TMPDIR', { skip: skip || hidden }, async (t) => {
    const { output } = await run(
      'mount --bind /proc /tmp && export TMPDIR=/nowhere',
      false,
      fileURLToPath(here),
      'listen',
    );
    t.match(JSON.parse(output), { code: 'ENOENT', message: /tried \/nowhere .*, \/tmp .*Set TMPDIR to a folder/ });
  });
});
