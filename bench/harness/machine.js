// What the figures were measured on, without anything that names the machine or its files.
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

export function machine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    node: process.versions.node,
    v8: process.versions.v8,
    python: version('python3', ['--version']),
    cc: version('cc', ['--version']),
  };
}

function version(file, args) {
  const { status, stdout } = spawnSync(file, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim().split('\n')[0] : null;
}
