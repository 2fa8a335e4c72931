/** A module that is never loaded to its end in a child: whoever needs a function of it waits for ever. */
import { isMainProcess } from 'multiproc';

export function never(..._args: unknown[]): void {}

if (!isMainProcess) await new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1));
