/** Another process in the tests of shared values and arrays: runs what the test asks for by name. */
import { RawValue, SharedArray, Value } from 'multiproc';
import { hangUp, hear, tell } from '../harness/parent.js';

type Order =
  | { do: 'add'; name: string; times: number }
  | { do: 'update'; name: string; times: number }
  | { do: 'locked'; name: string; times: number }
  | { do: 'array'; name: string; times: number }
  | { do: 'assign'; names: Record<string, string> }
  | { do: 'end' };

await tell('ready');
for (let order = await hear<Order>(); order.do !== 'end'; order = await hear<Order>()) {
  await tell(run(order));
}
hangUp();

function run(order: Exclude<Order, { do: 'end' }>): unknown {
  if (order.do === 'add') {
    const value = Value.open<'i'>(order.name);
    for (let i = 0; i < order.times; i++) value.add(1);
    return value.value;
  }
  if (order.do === 'update') {
    const value = RawValue.open<'d'>(order.name);
    for (let i = 0; i < order.times; i++) value.updateSync((x) => x + 0.5);
    return value.value;
  }
  if (order.do === 'locked') {
    const value = Value.open<'d'>(order.name);
    const lock = value.getLock();
    for (let i = 0; i < order.times; i++) {
      lock.runSync(() => {
        value.value += 1;
      });
    }
    return value.value;
  }
  if (order.do === 'array') {
    const array = SharedArray.open<'q'>(order.name);
    for (let i = 0; i < order.times; i++) Atomics.add(array, i % array.length, 1n);
    return array.length;
  }
  const { i, d, h, q, c } = order.names as Record<'i' | 'd' | 'h' | 'q' | 'c', string>;
  const before = [
    Value.open<'i'>(i).value,
    Value.open<'d'>(d).value,
    Value.open<'h'>(h).value,
    Value.open<'q'>(q).value,
    Value.open<'c'>(c).value.toString(),
  ];
  Value.open<'i'>(i).value = 24234;
  Value.open<'d'>(d).value = -4.25;
  Value.open<'h'>(h).value = 234;
  Value.open<'q'>(q).value = 2 ** 34;
  Value.open<'c'>(c).value = 'y';
  return before;
}
