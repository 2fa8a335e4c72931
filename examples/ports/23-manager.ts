// A namespace, a list and a dict live in a server process; a child changes them through proxies.
import { type DictProxy, isMainProcess, type ListProxy, Manager, type NamespaceProxy, Process } from 'multiproc';

export function modify(ns: NamespaceProxy, lproxy: ListProxy<string>, dproxy: DictProxy): void {
  ns.sync.a *= 2;
  lproxy.sync.extend(['b', 'c']);
  dproxy.sync.b = 0;
}

if (isMainProcess) {
  const manager = await Manager();
  const ns = await manager.Namespace();
  ns.sync.a = 1;
  const lproxy = await manager.list<string>();
  await lproxy.append('a');
  const dproxy = await manager.dict();
  dproxy.sync.b = 2;

  const p = new Process({ target: modify, args: [ns, lproxy, dproxy] });
  p.start();
  console.log(`PID: ${p.pid}`); // → /^PID: \d+$/
  await p.join();

  console.log(ns.sync.a); // → 2
  console.log(await lproxy.getValue()); // → [ 'a', 'b', 'c' ]
  console.log(await dproxy.getValue()); // → { b: 0 }
  await manager.shutdown();
}
