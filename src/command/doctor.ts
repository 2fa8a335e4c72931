/** `multiproc doctor`: whether this machine has what the fast paths need, and room for shared memory. */
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, release } from 'node:os';
import { MultiprocError } from '../errors.js';
import { attach } from '../lifecycle/participant.js';
import { native } from '../native.js';
import { list } from '../shared/listing.js';
import { shmSpace } from '../shared/shm-folder.js';
import type { Report } from './report.js';
import { bytes } from './table.js';

interface Check {
  name: string;
  /** `warn`: slower, or soon a problem; `bad`: something will fail. */
  verdict: 'ok' | 'warn' | 'bad';
  value: string;
  advice?: string;
}

const tmpfsMagic = 0x01021994;
const smallShm = 64 * 1024 * 1024;

export function doctor(): Report {
  const checks: Check[] = [
    { name: 'kernel', verdict: 'ok', value: `${release()} ${arch()}` },
    { name: 'node', verdict: 'ok', value: `${process.version}, Node-API ${process.versions.napi}` },
    cpus(availableParallelism()),
    ...tried('/dev/shm', sharedMemory),
    openFiles(),
    mappings(),
    ...tried('registry', () => {
      attach();
      const registry = native.registryState();
      return [futexWaitv(registry.futexWaitv), participants(registry.participants, registry.slots)];
    }),
    ...tried('shared objects', () => [{ name: 'shared objects', verdict: 'ok', value: String(list().length) }]),
  ];
  const fast = checks.every(({ verdict }) => verdict === 'ok');
  const bad = checks.some(({ verdict }) => verdict === 'bad');
  const lines = checks.flatMap(({ name, verdict, value, advice }) => [
    `${verdict.padEnd(4)}  ${name.padEnd(16)} ${value}\n`,
    ...(advice === undefined ? [] : [`      ${advice}\n`]),
  ]);
  const summary = fast ? 'This machine gets all the fast paths.\n' : 'See the advice above.\n';
  return { data: { fast, checks }, text: `${lines.join('')}\n${summary}`, code: bad ? 1 : 0 };
}

/** A failure here is part of the diagnosis: the other checks still run. */
function tried(name: string, look: () => Check[]): Check[] {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof MultiprocError)) throw error;
    return [{ name, verdict: 'bad', value: error.code, advice: error.message }];
  }
}

function cpus(count: number): Check {
  if (count > 1) return { name: 'cpus', verdict: 'ok', value: String(count) };
  return {
    name: 'cpus',
    verdict: 'warn',
    value: '1',
    advice: 'waiting never looks before it sleeps: each hand-over costs a switch',
  };
}

function futexWaitv(available: boolean): Check {
  if (available) return { name: 'futex_waitv', verdict: 'ok', value: 'available' };
  return {
    name: 'futex_waitv',
    verdict: 'warn',
    value: 'missing',
    advice:
      'pending promises are looked at every 10 ms, a dead owner is noticed within 20 ms; needs Linux 5.16 and, in a ' +
      'container, a seccomp profile that lets futex_waitv pass',
  };
}

function sharedMemory(): Check[] {
  const { type, free, capacity: size } = shmSpace();
  const kind: Check =
    type === tmpfsMagic
      ? { name: '/dev/shm', verdict: 'ok', value: 'tmpfs' }
      : { name: '/dev/shm', verdict: 'warn', value: 'not a tmpfs', advice: 'shared memory is written to a disk' };
  const room: Check = { name: 'shared memory', verdict: 'ok', value: `${bytes(free)} free of ${bytes(size)}` };
  if (size <= smallShm) {
    room.verdict = 'warn';
    room.advice = 'containers often start so: give them more with --shm-size, or an emptyDir with medium Memory';
  }
  if (free < 1024 * 1024) {
    room.verdict = 'bad';
    room.advice = 'creating shared objects will fail with ENOSPC';
  }
  return [kind, room];
}

function openFiles(): Check {
  const match = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const need =
    major > 5 || (major === 5 && minor >= 14) ? 'an open object needs none' : 'each queue and pipe needs one';
  return { name: 'open files', verdict: 'ok', value: `at most ${match?.[1] ?? 'unknown'}; ${need}` };
}

function mappings(): Check {
  const most = Number(readFileSync('/proc/sys/vm/max_map_count', 'latin1'));
  return { name: 'mappings', verdict: 'ok', value: `at most ${most}; each named or large object needs one or two` };
}

function participants(used: number, slots: number): Check {
  const check: Check = { name: 'participants', verdict: 'ok', value: `${used} of ${slots} in use` };
  if (used > slots * 0.9) {
    check.verdict = 'warn';
    check.advice = 'each thread that uses the package needs one; the next ones will get ERR_MULTIPROC_PARTICIPANTS';
  }
  return check;
}
