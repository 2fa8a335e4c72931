/** Objects of the package in another process, driven by the test: `const lock = await remote.make('Lock', { name })`. */
import { unlinkAll } from 'multiproc';
import { type Program, type ProgramOptions, program, type Scope } from './program.js';

export interface Request {
  id: number;
  target: number;
  operation: 'new' | 'static' | 'call' | 'get' | 'set' | 'attach' | 'hold' | 'exit';
  name: string;
  args: unknown[];
}

export interface Answer {
  id: number;
  value?: unknown;
  error?: { name: string; code?: string | undefined; message: string };
}

/** An object over there. Errors arrive with their name, code and message. */
export interface RemoteObject {
  call<T = unknown>(method: string, ...args: unknown[]): Promise<T>;
  get<T = unknown>(property: string): Promise<T>;
  set(property: string, value: unknown): Promise<void>;
  /** Acquires, sleeps so many ms, releases. */
  hold(ms: number): Promise<void>;
}

export class Remote {
  readonly program: Program;
  readonly #pending = new Map<number, { resolve(value: unknown): void; reject(reason: Error): void }>();
  #next = 1;

  constructor(t: Scope, options?: ProgramOptions) {
    this.program = program(t, 'remote', options);
    void this.#listen();
  }

  get pid(): number {
    return this.program.pid;
  }

  /** `new multiproc[className](...args)` */
  async make(className: string, ...args: unknown[]): Promise<RemoteObject> {
    return this.#object('new', className, args);
  }

  /** `multiproc[className][method](...args)` */
  async static(className: string, method: string, ...args: unknown[]): Promise<RemoteObject> {
    return this.#object('static', className, [method, ...args]);
  }

  /** `multiproc.deserialize(bytes)` */
  async attach(bytes: Uint8Array): Promise<RemoteObject> {
    return this.#object('attach', '', [bytes]);
  }

  /** Ends with `process.exit(code)`, holding whatever it holds. */
  async exit(code = 0): Promise<void> {
    this.#ask({ target: 0, operation: 'exit', name: '', args: [code] }).catch(() => {});
    await this.program.ended;
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<void> {
    this.program.kill();
    await this.program.ended;
  }

  async #object(operation: Request['operation'], name: string, args: unknown[]): Promise<RemoteObject> {
    const target = this.#next++;
    await this.#ask({ target, operation, name, args });
    return {
      call: <T>(method: string, ...rest: unknown[]) =>
        this.#ask({ target, operation: 'call', name: method, args: rest }) as Promise<T>,
      get: <T>(property: string) => this.#ask({ target, operation: 'get', name: property, args: [] }) as Promise<T>,
      set: async (property, value) => {
        await this.#ask({ target, operation: 'set', name: property, args: [value] });
      },
      hold: async (ms) => {
        await this.#ask({ target, operation: 'hold', name: '', args: [ms] });
      },
    };
  }

  #ask(request: Omit<Request, 'id'>): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.program.send({ ...request, id } as never);
    });
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        const { id, value, error } = await this.program.message<Answer>();
        const pending = this.#pending.get(id);
        this.#pending.delete(id);
        if (error === undefined) pending?.resolve(value);
        else pending?.reject(Object.assign(new Error(error.message), { name: error.name, code: error.code }));
      }
    } catch (ended) {
      for (const { reject } of this.#pending.values()) reject(ended as Error);
    }
  }
}

let count = 0;

/** A name that no other test uses, removed when the test ends. */
export function freshName(t: Scope): string {
  const name = `test.${process.pid}.${count++}.`;
  t.teardown(() => unlinkAll(name));
  return name;
}
