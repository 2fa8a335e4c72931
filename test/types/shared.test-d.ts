// What values, arrays and structs read as and take, by their typecode.
import { RawValue, SharedArray, SharedMemory, Struct, Value } from 'multiproc';
import { expectAssignable, expectError, expectType } from 'tsd';

expectType<number>(new Value('i').value);
expectType<number>(new Value('float64', 0.5).value);
expectType<bigint>(new Value('q').value);
expectType<boolean>(new Value('bool', true).value);
expectType<number>(new Value('q', 1, { numbers: true }).value);
expectType<number>(new Value('i').add(1));
expectType<bigint>(new Value('Q').add(1n));
expectError(new Value('i', 'text'));
expectError(new Value('nothing'));
// biome-ignore lint/suspicious/noAssignInExpressions: an assignment is what must be refused
expectError((new Value('i').value = 'text'));
expectError(new RawValue('i').getLock());
expectType<number>(Value.open<'i'>('name').value);

expectAssignable<Float64Array>(new SharedArray('d', 4));
expectAssignable<BigInt64Array>(new SharedArray('q', [1n]));
expectAssignable<Uint8Array>(new SharedArray('c', 'text'));
expectType<Buffer>(new SharedArray('c', 8).value);
expectError(new SharedArray('d', ['text']));
expectError(new SharedArray('d'));

const Point = Struct({ x: 'd', y: 'd', tag: 'q', cells: ['i', 3] });
const point = new Value(Point, { x: 1 });
expectType<number>(point.x);
expectType<bigint>(point.tag);
expectType<Int32Array>(point.cells);
expectError(point.z);
expectError(new Value(Point, { z: 1 }));
const points = new SharedArray(Point, 3);
expectType<number | undefined>(points[0]?.x);
expectError(Struct({ x: 'nothing' }));

expectAssignable<{ size: number; bytes: Uint8Array }>(SharedMemory.create({ size: 1 }));
