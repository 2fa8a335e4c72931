// Proxies have the methods of what they stand for, as promises; `.sync` has them as they are.
import { BaseManager, Manager, SyncManager } from 'multiproc';
import { expectAssignable, expectError, expectType } from 'tsd';

const manager = await Manager();
expectType<SyncManager>(manager);
const list = await manager.list<string>();
expectType<Promise<string[]>>(list.getValue());
expectType<string[]>(list.sync.getValue());
expectType<Promise<number>>(list.push('text'));
expectError(list.append(1));
expectType<string | undefined>(list.sync[0]);
const dict = await manager.dict<number>();
expectType<Promise<number | undefined>>(dict.get('key'));
expectError(dict.set('key', 'text'));
expectType<Promise<number>>((await manager.Queue<number>()).get());
expectType<Promise<boolean>>((await manager.Lock()).acquire());
expectError(manager.nothing());
expectAssignable<BaseManager>(new SyncManager({ address: ['127.0.0.1', 0], authkey: 'key' }));
expectError(new BaseManager({ adress: 'text' }));
