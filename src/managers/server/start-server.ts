/** How a manager starts its server: what the process is given, and what it says when it serves. */
import type { Wait } from '../../deadline.js';
import { EOFError, ProcessError } from '../../errors.js';
import type { Address } from '../../messaging/address.js';
import type { Connection } from '../../messaging/connection.js';
import { Pipe } from '../../messaging/pipe.js';
import type { StartMethod } from '../../process/launchers/launcher.js';
import type { StartContext } from '../../process/options.js';
import { Process } from '../../process/process.js';
import { getStartMethod, methodOfContext } from '../../process/start-method.js';
import { warmUp } from '../../process/warm-up.js';
import { findReference } from '../../serialize/references.js';
import type { ManagerLimits } from '../protocol/limits.js';
import type { RegisteredType } from '../types/registered-type.js';
import { registryOf } from '../types/type-registry.js';
import type { ServerReport, ServerWork } from './server-process.js';

/** How long a server that failed may take to end by itself, in ms. */
const endMs = 5000;

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
    // A fork server has to start first, perhaps: the event loop is not blocked for that long.
    await warmUp(methodFor(context));
    child.start();
    writer.close();
    return { child, address: addressFrom(await reportFrom(reader, child)) };
  } catch (error) {
    // What failed may be this side: then the server still runs.
    if (child !== undefined && child.pid !== null && !(await child.join(endMs))) child.kill();
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

/**
 * What the server says. A process that ends first may never have taken its end of the pipe, as when the module of its
 * target cannot be loaded: its end is waited for, too.
 *
 * @throws ProcessError if it ended without a report
 */
async function reportFrom(reader: Connection, child: Process): Promise<ServerReport> {
  const [reported, ended] = [new AbortController(), new AbortController()];
  child.join({ signal: reported.signal }).then(
    () => ended.abort(),
    () => {},
  );
  try {
    return await readReport(reader, { signal: ended.signal });
  } catch (error) {
    if (!(error instanceof EOFError) && !ended.signal.aborted) throw error;
    await child.join();
    // It may have reported, and ended at once.
    return readReport(reader, 0).catch(async () => ({ error: await endOf(child) }));
  } finally {
    reported.abort();
  }
}

async function readReport(reader: Connection, wait: Wait): Promise<ServerReport> {
  if (!(await reader.poll(wait))) throw new EOFError('The process has said nothing');
  return (await reader.recv()) as ServerReport;
}

/** Why the process ended before it served. */
async function endOf(child: Process): Promise<ProcessError> {
  const cause = await child.result.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  // A process that has said nothing of its end only has its exit code, which is in the message.
  const said = cause instanceof Error && !isEndAlone(cause) ? cause : undefined;
  const how = child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`;
  const why = said === undefined ? advice : `: ${said.message}`;
  return new ProcessError(`The manager's server process ended before it served (${how})${why}`, {
    cause: said,
    code: (said as { code?: string } | undefined)?.code ?? 'ERR_MULTIPROC_PROCESS',
  });
}

const advice =
  '. It loads the main module and the modules of the manager first: one of them ended the process, which may have written ' +
  'more to stderr';

/** An error of this process about the child's end, not one of the child. */
function isEndAlone(cause: Error): boolean {
  return cause instanceof ProcessError && cause.code === 'ERR_MULTIPROC_NO_RESULT';
}

function addressFrom(report: ServerReport): string | [string, number] {
  if ('error' in report) throw report.error;
  return report.address;
}

function methodFor(context: Context): StartMethod {
  return methodOfContext(context) ?? getStartMethod();
}
