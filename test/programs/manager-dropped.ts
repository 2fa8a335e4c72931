/** Drops a manager, then its last proxy, and reports when its server is alive and which warnings came. Needs --expose-gc. */
import { isMainProcess, Manager } from 'multiproc';

const { gc } = globalThis;

async function collected(isDone: () => boolean): Promise<boolean> {
  for (let i = 0; i < 400; i++) {
    // First: what a WeakRef gave in this turn of the event loop is not collected in it.
    gc?.();
    if (isDone()) return true;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

if (isMainProcess) {
  const warnings: string[] = [];
  process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`));
  let pid = 0;
  let marker: WeakRef<object> | undefined;
  const make = async () => {
    const manager = await Manager();
    pid = manager.process?.pid as number;
    marker = new WeakRef(manager);
    return manager.list([1]);
  };
  const box: { list: Awaited<ReturnType<typeof make>> | undefined } = { list: await make() };
  const managerIsGone = await collected(() => marker?.deref() === undefined);
  const served = await box.list?.getValue();
  box.list = undefined;
  const ended = await collected(() => !isAlive(pid));
  process.send?.({ managerIsGone, served, ended, warnings });
  process.disconnect?.();
}
