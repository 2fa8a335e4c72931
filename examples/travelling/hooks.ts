import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { deserialize, serialize } from 'multiproc';

export class Temperature {
  readonly #celsius: number;

  constructor(celsius: number) {
    this.#celsius = celsius;
  }

  get fahrenheit(): number {
    return this.#celsius * 1.8 + 32;
  }

  static [Symbol.for('multiproc.serialize')](one: Temperature) {
    return { celsius: one.#celsius };
  }

  static [Symbol.for('multiproc.deserialize')]({ celsius }: { celsius: number }) {
    return new Temperature(celsius);
  }
}

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: serialize(new Temperature(100)) });
  await once(worker, 'exit');
} else {
  const arrived = deserialize(workerData) as Temperature;
  console.log(arrived instanceof Temperature, arrived.fahrenheit); // → true 212
}
