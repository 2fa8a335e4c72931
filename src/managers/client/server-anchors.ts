/** Anchors: a server that this process started runs while its manager, a proxy, or a call in flight of it is in use here. */
import { afterForkInChild } from '../../lifecycle/after-fork.js';

/** What a manager and the proxies of its server refer to: when it is collected, the server has lost all its users here. */
export interface Anchor {
  readonly where: string;
}

/** By the address of the server. Weak: a conversation outlives the proxies that use it. */
const anchors = new Map<string, WeakRef<Anchor>>();

export function dropAnchor(where: string): Anchor {
  const anchor = { where };
  anchors.set(where, new WeakRef(anchor));
  return anchor;
}

/** The anchor of the server at the address, if this thread started it. */
export function anchorAt(where: string): WeakRef<Anchor> | undefined {
  return anchors.get(where);
}

/** The server has ended, or ends. */
export function weighAnchor(where: string): void {
  anchors.delete(where);
}

afterForkInChild(() => anchors.clear());
