/**
 * The host of a named pool: a process that has the workers and outlives the program that started it. It serves members
 * as they join, and ends with the last of them.
 */
import '../../process/entry/mark.js';
import { ClosedError } from '../../errors.js';
import { Listener } from '../../messaging/listener.js';
import { SocketChannel } from '../../messaging/socket-channel.js';
import { native } from '../../native.js';
import { self } from '../../process/self.js';
import { getStartMethod, methodOfContext } from '../../process/start-method.js';
import { keepTitle } from '../../process/title.js';
import { clearTimeout, setTimeout } from '../../timing.js';
import type { EngineOwner } from '../engine.js';
import { crewSizeOf } from '../options.js';
import { OwnWorkers } from '../own-workers.js';
import { processWorkers } from '../process-workers.js';
import { runOptionsOf } from '../worker-source.js';
import type { HostOptions, HostStart } from './host-start.js';
import { listeningDescriptor } from './host-start.js';
import { Rendezvous, readPart } from './rendezvous.js';
import { Session } from './session.js';

/** How long the host waits for its first member, in ms: the program that started it may have been killed. */
const firstMemberMs = 30_000;

const groupSignals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

native.closeOnExec(listeningDescriptor);
const { name, argv } = JSON.parse(process.argv.at(-1) as string) as HostStart;
process.argv = [process.execPath, ...argv];
keepTitle();

const found = Rendezvous.open(name);
// Every program that wanted the pool has ended.
if (found === undefined) process.exit(0);
const rendezvous: Rendezvous = found;
const listener = new Listener(rendezvous.address, { authkey: rendezvous.key }, 'pool', listeningDescriptor);
const sessions = new Set<Session>();
let engine: OwnWorkers | undefined;
let isEnding = false;
let hasBroken = false;
let gone: () => void = () => {};
const workersGone = new Promise<void>((resolve) => {
  gone = resolve;
});

const owner: EngineOwner = {
  moved: () => {},
  finished: () => {},
  failed: breakDown,
  gone: () => gone(),
  lost(worker) {
    for (const session of sessions) session.lost(worker);
  },
  crewChanged() {
    for (const session of sessions) session.crew();
  },
};

const workers = startWorkers();
workers.catch(breakDown);
const lonely = setTimeout(() => void end(), firstMemberMs);
void acceptAll();

async function startWorkers(): Promise<OwnWorkers> {
  const { size, options: bytes, initializer: call } = rendezvous.config;
  const options = (await readPart(bytes)) as HostOptions;
  // Signals to the process group, or to all of a service, are for its programs, which end the pool by leaving it.
  if (options.signals !== 'default') for (const signal of groupSignals) process.on(signal, () => {});
  self.authkey = Buffer.from(options.authkey);
  const [initializer, initargs] =
    call === undefined ? [undefined, []] : ((await readPart(call)) as [object, unknown[]]);
  const source = processWorkers(methodOfContext(options.context) ?? getStartMethod(), runOptionsOf(options));
  engine = new OwnWorkers(
    { size: crewSizeOf(size, options), source, grace: options.grace, initializer, initargs, options },
    owner,
  );
  return engine;
}

async function acceptAll(): Promise<void> {
  while (!listener.closed) {
    try {
      const { channel } = await listener.accept();
      if (!(channel instanceof SocketChannel)) continue;
      clearTimeout(lonely);
      sessions.add(new Session(channel, { workers, left }));
    } catch {
      // The client lacks the key or has ended, or the listener is closed.
    }
  }
}

function left(session: Session): void {
  sessions.delete(session);
  if (sessions.size === 0) void end(session);
  else session.close();
}

/** Reports to all members that there will be no workers; the next call of any program starts a new host. */
function breakDown(error: unknown): void {
  if (hasBroken || isEnding) return;
  hasBroken = true;
  for (const session of sessions) session.broken(error);
  if (sessions.size === 0) void end();
}

/** @param last the member that is notified when all workers have ended */
async function end(last?: Session): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  listener.close();
  if (engine !== undefined) {
    engine.terminate(new ClosedError('The last member has left the pool'));
    engine.hold();
    await workersGone;
  }
  rendezvous.close();
  last?.close();
  process.exit();
}
