// Serves a list to other programs, here or on other hosts: node remote-server.js [host] [port]
import { BaseManager } from 'multiproc';

const [host = '127.0.0.1', port = '9030'] = process.argv.slice(2);
const authkey = 'secret';

const sharedList: unknown[] = [];

class RemoteManager extends BaseManager {}

RemoteManager.register('getList', { callable: () => sharedList });
const mgr = new RemoteManager({ address: [host, Number(port)], authkey });
const server = mgr.getServer();
console.log('serving at', server.address);
await server.serveForever();
