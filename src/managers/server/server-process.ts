/** The process of a manager's server: it serves until it is told to stop, or its creator is gone. */
import { inspect } from 'node:util';
import { ProcessError, SystemExit } from '../../errors.js';
import { getLogger } from '../../logging.js';
import type { Address } from '../../messaging/address.js';
import type { Connection } from '../../messaging/connection.js';
import { native } from '../../native.js';
import { daemonGrace } from '../../process/children.js';
import { parentProcess } from '../../process/current.js';
import { leaveSignalsToParent } from '../../process/group-signals.js';
import type { ManagerLimits } from '../protocol/limits.js';
import { SyncManager } from '../sync-manager.js';
import type { RegisteredType, Registry } from '../types/registered-type.js';
import { registryOf } from '../types/type-registry.js';
import { Server } from './server.js';

/** What the process is given. */
export interface ServerWork {
  /** Whether it has the types of `SyncManager`. */
  readonly standard: boolean;
  /** Further types; `true` for a callable that only the manager's class has. */
  readonly types: readonly (readonly [string, Omit<RegisteredType, 'callable'> & { readonly callable: unknown }])[];
  /** The manager's class, if it is needed for one of those. */
  readonly managerClass: object | undefined;
  readonly address: Address | undefined;
  readonly key: Uint8Array;
  readonly limits: ManagerLimits | undefined;
  readonly handshakeTimeout: number | undefined;
  readonly modules: readonly string[];
  /** Whether it leaves signals to the process group to its creator. */
  readonly leavesSignals: boolean;
  readonly initializer: ((...args: unknown[]) => unknown) | undefined;
  readonly initargs: readonly unknown[];
}

/** What the creator is told: where the server is, or why there is none. */
export type ServerReport = { readonly address: string | [string, number] } | { readonly error: unknown };

/** The target of the process. */
export async function runServer(report: Connection, work: ServerWork): Promise<never> {
  if (work.leavesSignals) leaveSignalsToParent();
  // A function that a client has called for each item, or an object's method, may leave a promise to itself.
  process.on('unhandledRejection', (reason) => {
    getLogger().error('a promise that nobody waits for was rejected in a manager: %s', inspect(reason));
  });
  const creator = parentProcess();
  if (creator !== null) native.tieLifeTo(creator.sentinel, daemonGrace);
  // What throws outside of the initializer's own promise ends the process: the creator hears why.
  const tellUncaught = (error: unknown) => tell(report, { error });
  process.on('uncaughtExceptionMonitor', tellUncaught);
  let server: Server;
  try {
    await work.initializer?.(...work.initargs);
    const { address, key, limits, handshakeTimeout, modules } = work;
    server = new Server(registryFor(work), {
      address,
      key: Buffer.from(key),
      limits,
      handshakeTimeout,
      modules,
      stoppable: true,
    });
  } catch (error) {
    tell(report, { error });
    throw new SystemExit(1);
  }
  process.off('uncaughtExceptionMonitor', tellUncaught);
  tell(report, { address: server.address });
  await server.serveForever();
  throw new SystemExit();
}

function tell(report: Connection, what: ServerReport): void {
  try {
    report.sendSync(what);
  } catch (error) {
    if ('error' in what) report.sendSync({ error: new ProcessError(String(what.error)) });
    else throw error;
  }
  report.close();
}

function registryFor({ standard, types, managerClass }: ServerWork): Registry {
  const registry = new Map<string, RegisteredType>(standard ? registryOf(SyncManager) : []);
  const known = managerClass === undefined ? undefined : registryOf(managerClass);
  for (const [typeid, options] of types) {
    const callable = options.callable === true ? known?.get(typeid)?.callable : options.callable;
    if (options.callable === true && callable === undefined) {
      throw new TypeError(
        `The manager's class has no type '${typeid}' where its module is loaded anew: register it there`,
      );
    }
    registry.set(typeid, { ...options, callable } as RegisteredType);
  }
  return registry;
}
