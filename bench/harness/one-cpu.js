// The same contestants on the first CPU alone, by taskset(1): what they cost when the other side cannot run meanwhile.
import { spawnSync } from 'node:child_process';

export function onOneCpu(contestants) {
  return Object.fromEntries(Object.entries(contestants).map(([key, contestant]) => [key, pinned(contestant)]));
}

function pinned({ label, command }) {
  return {
    label: `${label}, one CPU`,
    command: () => {
      const { missing, file, args, env } = command();
      if (missing !== undefined) return { missing };
      if (spawnSync('taskset', ['-c', '0', 'true']).status !== 0) return { missing: 'no taskset here' };
      return { file: 'taskset', args: ['-c', '0', file, ...args], env };
    },
  };
}
