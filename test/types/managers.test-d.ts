// Proxies have the methods of what they stand for, as promises; `.sync` has them as they are.
import { BaseManager, type DictProxy, Manager, SyncManager } from 'multiproc';
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

// Without an array of pairs the keys of a dict are strings.
expectAssignable<DictProxy<string, number>>(dict);
expectAssignable<DictProxy<string, number>>(await manager.dict<number>());
expectAssignable<DictProxy<string, number>>(await manager.dict({ a: 1 }));
expectAssignable<DictProxy<number, string>>(await manager.dict([[1, 'text']] as [number, string][]));
expectAssignable<DictProxy<number, string>>(await manager.dict<number, string>());
expectAssignable<DictProxy<string, number>>(manager.sync.dict<number>());
expectError(manager.dict<number>({ a: 'text' }));
const open = await manager.dict();
expectType<Promise<unknown>>(open.get(1));
expectAssignable<DictProxy>(open);

const add = (a: number, b: number): number => a + b;
const pool = await manager.Pool(2);
expectType<Promise<number>>(pool.apply(add, [1, 2]));
expectError(pool.apply(add, ['x', 2]));
expectError(pool.map(add, ['x']));
const start = (name: string): void => console.log(name);
await new SyncManager().start(start, ['text']);
expectError(new SyncManager().start(start, [1]));
expectError(manager.Pool(2, { initializer: start, initargs: [1] }));
