import { isMainProcess, Lock, Process } from 'multiproc';
import { twice } from './work.js';

if (isMainProcess) {
  console.log('lock', new Lock().tryAcquire());
  const child = new Process({ target: { module: new URL('./work.js', import.meta.url), export: 'twice' }, args: [4] });
  child.start();
  console.log('child', await child.result);
  twice(1);
}
