// Internals for some tests. It is one more entry of the bundle, so that they get the very modules that the package's
// other entries use, and it is not published.
export { now } from './deadline.js';
export * as participant from './lifecycle/participant.js';
export { FrameReader } from './managers/protocol/frame-decoder.js';
export { open } from './managers/protocol/payload.js';
export { Session } from './managers/server/client-session.js';
export { ManagedBarrier } from './managers/types/barrier.js';
export { asCall, callBy } from './managers/types/call-context.js';
export { Waiting } from './managers/types/call-waiters.js';
export { ManagedRLock } from './managers/types/lock.js';
export { absent, MapCore } from './map/core.js';
export { obtainMap } from './map/map-block.js';
export { mend } from './map/mend.js';
export { authenticate } from './messaging/authentication.js';
export { checkClaim, claimOf, clientFacts } from './messaging/channel-claim.js';
export { clientHandshake, listenerHandshake } from './messaging/handshake.js';
export { busy, nothing, obtainRing, Put, Ring } from './messaging/ring.js';
export { layout, native, TargetKind } from './native.js';
export { Board } from './pool/board.js';
export { printable, printableJson, printableName } from './printable.js';
export { discard, prepare } from './serialize/codec.js';
export { permitModules } from './serialize/modules.js';
export { finish, mostUnits } from './serialize/records.js';
export { BlockKind } from './shared/block.js';
export { inspectAll } from './shared/inspect.js';
export * as mapLayout from './shared/map-layout.js';
export { getEnd, keptWords, ledgerWords, ringWords } from './shared/ring-layout.js';
