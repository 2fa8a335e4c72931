/** `multiproc rm NAME`: removes the name of an object that no process uses. */
import { SystemError } from '../errors.js';
import { unlinkIfThere } from '../shared/block.js';
import { list } from '../shared/listing.js';
import { checkName } from '../shared/names.js';
import type { Report } from './report.js';
import { bytes } from './table.js';

export function rm([given = '']: string[], force: boolean): Report {
  const name = checkName(given);
  const info = list(name).find((each) => each.name === name);
  if (info === undefined) {
    const message = `ENOENT: there is no object named '${name}': multiproc ls lists those that exist`;
    throw new SystemError(message, { code: 'ENOENT', errno: 2, syscall: 'unlink', path: name });
  }
  const { openers, memory } = info;
  if (openers.length > 0 && !force) {
    const text =
      `'${name}' is in use by ${openers.map((pid) => `pid ${pid}`).join(', ')}: end them first, or remove it with --force. ` +
      'They keep it then, and a program that opens the name gets a new one.\n';
    return { data: { name, removed: false, openers }, text, code: 1 };
  }
  const removed = unlinkIfThere(name);
  return { data: { name, removed, openers }, text: `removed ${name} (${bytes(memory)})\n` };
}
