/** How many descriptors the kernel lets this process have. */
import { readFileSync } from 'node:fs';

/** Where /proc cannot be read: the usual soft limit of Linux. */
const usual = 1024;

/** The soft limit of RLIMIT_NOFILE, which Node raises to the hard one at its start; `Infinity` where there is none. */
export function descriptorLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === 'unlimited' ? Infinity : Number(soft ?? usual);
  } catch {
    return usual;
  }
}
