// Uses the list of remote-server.ts, from a program of its own: node remote-client.js [host] [port] [key]
import { BaseManager, type ListProxy } from 'multiproc';

const [host = '127.0.0.1', port = '9030', authkey = 'secret'] = process.argv.slice(2);

class RemoteManager extends BaseManager {
  declare getList: () => ListProxy & Promise<ListProxy>;
}

RemoteManager.register('getList');
const mgr = new RemoteManager({ address: [host, Number(port)], authkey });
await mgr.connect();

const l = await mgr.getList();
console.log(await l.getValue());
await l.append(1);
console.log(await mgr.getList().getValue());
