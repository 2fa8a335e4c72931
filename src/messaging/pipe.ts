/** Pipe: two connections to each other, through memory that any number of processes may share. */
import { attach } from '../lifecycle/participant.js';
import { layout } from '../native.js';
import { unexpected } from '../options/kinds.js';
import { HandleKind, registerArrival } from '../serialize/handles.js';
import { Block, BlockKind } from '../shared/block.js';
import { ConnectionFlags } from './channel.js';
import { Connection } from './connection.js';
import { PipeChannel, PipeFlags } from './pipe-channel.js';
import { SocketChannel } from './socket-channel.js';

/**
 * Makes two connections to each other; mirrors `multiprocessing.Pipe`.
 *
 * Either may be given to other processes and threads, and kept: an end is open while anybody has it open, or it is on its
 * way. When nobody has the other end any more, because all have closed it or ended, however they ended, `recv` gives what
 * was sent before and then fails with {@link EOFError}; `send` fails with `EPIPE`. Any number of processes may send, or
 * receive, at the same end: each message goes to one of them, whole.
 *
 * @param duplex `false`: the first can only receive, the second only send
 * @throws TypeError for anything but a boolean
 * @throws SystemError `ENOSPC` when /dev/shm is full
 */
export function Pipe(duplex = true): [Connection, Connection] {
  attach();
  if (typeof (duplex ?? false) !== 'boolean') throw unexpected('duplex', 'a boolean', duplex);
  const both = duplex ?? false;
  const size = layout.pipeOffset + (both ? layout.pipeSize : layout.oneWayPipeSize);
  const shape = { kind: BlockKind.pipe, type: 0, flags: both ? 1 : 0, length: 0, size };
  const block = Block.obtain('open-or-create', shape, undefined, () => {});
  const bit = both ? PipeFlags.duplex : 0;
  const first = new Connection(new PipeChannel(block.retain(), bit), { writable: both });
  const second = new Connection(new PipeChannel(block, bit | PipeFlags.side), { readable: both });
  return [first, second];
}

registerArrival(HandleKind.connection, (handle) => {
  const isSocket = (handle.flags & ConnectionFlags.socket) !== 0;
  const channel = isSocket ? SocketChannel.arrive(handle) : PipeChannel.arrive(handle);
  const readable = (handle.flags & ConnectionFlags.readable) !== 0;
  const writable = (handle.flags & ConnectionFlags.writable) !== 0;
  return new Connection(channel, { readable, writable });
});
