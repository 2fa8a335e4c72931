/** The file of the command `multiproc`. */
import { fileURLToPath } from 'node:url';

export const commandFile = fileURLToPath(
  new URL('dist/command/main.js', import.meta.resolve('multiproc/package.json')),
);
