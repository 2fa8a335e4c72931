/** How a proxy arrives: it takes up the conversation with its server, and says that it is here. */

import { currentProcess } from '../../process/current.js';
import { isFromAfar } from '../../serialize/afar.js';
import { damaged, HandleKind, registerArrival, type Traveller } from '../../serialize/handles.js';
import { readHandle } from '../protocol/proxy-handle.js';
import { currentCarriage } from '../protocol/proxy-scope.js';
import { linkAt, linkTo } from './connection-cache.js';
import { BaseProxy } from './proxy.js';
import { makeProxy } from './proxy-factory.js';
import { RemoteHold } from './remote-ref.js';

registerArrival(HandleKind.proxy, (handle) => {
  const { isOwn, transit, address, key, typeid, kind, proxyClass } = readHandle(handle);
  if (proxyClass !== undefined && !isProxyClass(proxyClass)) throw damaged('the class of a proxy in it is none');
  const details = { typeid, kind, proxyClass };
  const id = handle.inode;
  const carriage = currentCarriage();
  if (isOwn) {
    if (carriage === undefined) throw damaged('a proxy in it belongs to a conversation that is not this one');
    return carriage.arrive(id, details) as Traveller;
  }
  if (isFromAfar()) {
    throw new TypeError("A proxy of another manager came over the network: nobody is connected to on others' behalf");
  }
  const link = key === undefined ? (linkAt(address) ?? linkTo(address, ownKey())) : linkTo(address, key);
  return makeProxy(RemoteHold.claim(link, id, transit), details, undefined) as Traveller;
});

function ownKey(): Buffer {
  return Buffer.from(currentProcess().authkey);
}

function isProxyClass(value: object): boolean {
  return typeof value === 'function' && value.prototype instanceof BaseProxy;
}
