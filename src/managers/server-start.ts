/** How a manager starts its server: what the process is given, and what it says when it serves. */
import { EOFError, ProcessError } from '../errors.js';
import type { Address } from '../messaging/address.js';
import type { Connection } from '../messaging/connection.js';
import { Pipe } from '../messaging/pipe.js';
import type { StartMethod } from '../process/launchers/launcher.js';
import type { StartContext } from '../process/options.js';
import { Process } from '../process/process.js';
import { getStartMethod, methodOfContext } from '../process/start-method.js';
import { findReference } from '../serialize/references.js';
import type { ManagerLimits } from './limits.js';
import { registryOf } from './registering.js';
import type { RegisteredType } from './registry.js';
import type { ServerReport, ServerWork } from './server-process.js';

const serverModule = new URL('./server-process.js', import.meta.url);

type Context = StartContext | StartMethod | null | undefined;

/** What the manager was told about its server. */
export interface ServerWishes {
  readonly address: Address | undefined;
  readonly key: Buffer;
  readonly limits?: ManagerLimits | undefined;
  readonly handshakeTimeout?: number | undefined;
  readonly modules: readonly string[];
  readonly signals?: 'ignore' | 'default' | undefined;
  readonly context?: Context;
  readonly initializer: ServerWork['initializer'] | null;
  readonly initargs: readonly unknown[];
}

/** What the server's process is given for a manager of the class. */
export function serverWork(managerClass: object, wishes: ServerWishes): ServerWork {
  const { limits, handshakeTimeout, modules, signals, address, key, initializer, initargs, context } = wishes;
  const [standard, known] = standardTypes(managerClass);
  const types = [...registryOf(managerClass)].filter(([typeid, options]) => known?.get(typeid) !== options);
  const classTravels = !('what' in findReference(managerClass));
  const sent =
    methodFor(context) === 'fork'
      ? types
      : types.map(([typeid, options]) => [typeid, sendable(options, classTravels)] as const);
  const needsClass = sent.some(([, options]) => (options as { callable: unknown }).callable === true);
  return {
    standard,
    types: sent as unknown as ServerWork['types'],
    managerClass: needsClass ? managerClass : undefined,
    address,
    key,
    limits,
    handshakeTimeout,
    modules,
    leavesSignals: signals !== 'default',
    initializer: initializer ?? undefined,
    initargs: [...initargs],
  };
}

/**
 * Starts the process, and waits until it serves.
 *
 * @param name of the manager's class
 * @throws what `Process.start` throws, and what the server has failed with
 */
export async function startServer(
  name: string,
  work: ServerWork,
  context: Context,
): Promise<{ child: Process; address: string | [string, number] }> {
  const [reader, writer] = Pipe(false);
  let child: Process | undefined;
  try {
    child = new Process({
      target: { module: serverModule, export: 'runServer' },
      args: [writer, work],
      daemon: false,
      context: methodFor(context),
    });
    child.name = child.name.replace(/^Process/, name || 'Manager');
    child.start();
    writer.close();
    return { child, address: addressFrom(await reportFrom(reader)) };
  } catch (error) {
    if (child !== undefined && child.pid !== null) await child.join();
    throw error;
  } finally {
    writer.close();
    reader.close();
  }
}

const standards = new Map<object, ReadonlyMap<string, RegisteredType>>();

/** Says that the types of the class are known to every server's process. */
export function isStandard(managerClass: object): void {
  standards.set(managerClass, new Map(registryOf(managerClass)));
}

function standardTypes(managerClass: object): [boolean, ReadonlyMap<string, RegisteredType> | undefined] {
  for (let each: object | null = managerClass; each !== null; each = Object.getPrototypeOf(each)) {
    const known = standards.get(each);
    if (known !== undefined) return [true, known];
  }
  return [false, undefined];
}

/** A callable that cannot travel by itself comes with the manager's class. */
function sendable(options: RegisteredType, classTravels: boolean): object {
  const { callable, proxyType } = options;
  const alone = callable === undefined || !('what' in findReference(callable));
  return {
    ...options,
    callable: alone || !classTravels ? callable : true,
    proxyType: proxyType === undefined || 'what' in findReference(proxyType) ? undefined : proxyType,
  };
}

async function reportFrom(reader: Connection): Promise<ServerReport> {
  try {
    return (await reader.recv()) as ServerReport;
  } catch (cause) {
    if (!(cause instanceof EOFError)) throw cause;
    throw new ProcessError("The server's process ended before it served", { cause });
  }
}

function addressFrom(report: ServerReport): string | [string, number] {
  if ('error' in report) throw report.error;
  return report.address;
}

function methodFor(context: Context): StartMethod {
  return methodOfContext(context) ?? getStartMethod();
}
