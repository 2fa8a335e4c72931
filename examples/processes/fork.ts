import { getAllStartMethods, getContext } from 'multiproc';

// node --single-threaded FILE, or: multiproc run FILE
if (getAllStartMethods().includes('fork')) {
  const { Process } = getContext('fork');
  const table = Array.from({ length: 1000 }, (_, i) => i * i);
  const child = new Process({ target: (i: number) => table[i], args: [12] });
  child.start();
  console.log(await child.result); // → 144
  await child.join();
}
