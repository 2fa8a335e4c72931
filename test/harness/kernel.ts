/** What the kernel that the tests run on can do. */
import { release } from 'node:os';

const [major = 0, minor = 0] = release().split('.').map(Number);

/** From Linux 6.15 on a pidfd tells how its process ended, whoever has reaped it. */
export const pidfdsTellEnds: boolean = major > 6 || (major === 6 && minor >= 15);
