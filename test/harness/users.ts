/** Two users on one machine: programs that run under user ids of their own, where the tests run as root. */
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Program, type ProgramOptions, program, type Scope } from './program.js';

/** The user whose programs are attacked. No account has these ids: the kernel does not ask for one. */
export const victim = 64_001;
/** The user who attacks. */
export const attacker = 64_002;

/** Why a test with two users cannot run here, for the option `skip` of a test; `false` where it can. */
export const cannotSwitchUsers: string | false =
  process.geteuid?.() === 0 ? false : 'needs root, to start programs of two users';

/**
 * Copies the package and the programs of `test/attacks/programs/` to where every user can read them. The copy is removed
 * when the test ends.
 */
export function install(t: Scope): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'multiproc-users-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return new Installation(t, folder);
}

/** A copy of the package that every user can read, with the programs that attack and are attacked. */
export class Installation {
  /** The folder, in which `multiproc` can be imported. */
  readonly folder: string;
  readonly #scope: Scope;
  readonly #node: string;

  constructor(t: Scope, folder: string) {
    this.#scope = t;
    this.folder = folder;
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const target = join(folder, 'node_modules/multiproc');
    mkdirSync(join(target, 'build/Release'), { recursive: true });
    for (const part of ['package.json', 'dist', 'commonjs']) cpSync(join(root, part), join(target, part), deep);
    for (const file of readdirSync(join(root, 'build/Release')).filter((name) => name.endsWith('.node'))) {
      cpSync(join(root, 'build/Release', file), join(target, 'build/Release', file));
    }
    cpSync(join(root, 'node_modules/node-gyp-build'), join(folder, 'node_modules/node-gyp-build'), deep);
    cpSync(fileURLToPath(new URL('../attacks/programs', import.meta.url)), join(folder, 'programs'), deep);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    // A Node in a home folder cannot be started by other users.
    this.#node = isForAll(process.execPath) ? process.execPath : join(folder, 'node');
    if (this.#node !== process.execPath) cpSync(process.execPath, this.#node);
    openForAll(folder);
  }

  /** Starts `test/attacks/programs/<name>.ts` as the user, with a message channel; no supplementary groups are left. */
  start(uid: number, name: string, options: ProgramOptions = {}): Program {
    const url = new URL(`file://${join(this.folder, 'programs', `${name}.js`)}`);
    return program(this.#scope, url, {
      ...options,
      uid,
      execPath: this.#node,
      cwd: this.folder,
      env: { HOME: this.folder, NODE_OPTIONS: undefined, ...options.env },
    });
  }

  /**
   * Changes the copy of the package, before programs are started: attackers use what they have changed as they like.
   *
   * @param file in `dist/`
   */
  change(file: string, from: string, to: string): void {
    const path = join(this.folder, 'node_modules/multiproc/dist', file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(from)) throw new Error(`${path} has no ${from}`);
    writeFileSync(path, text.replaceAll(from, to));
  }

  /** The file of the command `multiproc`. */
  get command(): string {
    return join(this.folder, 'node_modules/multiproc/dist/command/main.js');
  }

  /** This Node, or a copy of it that every user can start. */
  get node(): string {
    return this.#node;
  }
}

const deep = { recursive: true, dereference: true } as const;

/** Whether every user may start the file. */
function isForAll(file: string): boolean {
  for (let path = realpathSync(file); ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === '/') return true;
  }
}

/** Lets every user read what is in the folder, whatever the umask was. */
function openForAll(folder: string): void {
  for (const name of ['', ...(readdirSync(folder, { recursive: true }) as string[])]) {
    const path = join(folder, name);
    const status = lstatSync(path);
    if (!status.isSymbolicLink()) chmodSync(path, status.isDirectory() ? 0o755 : status.mode | 0o444);
  }
}
