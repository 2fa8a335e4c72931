/** A warning for modules of a child's work that do not finish loading: without it, the child would wait silently. */
import { clearTimeout, eventLoopUtilization, setTimeout } from '../../timing.js';
import { self } from '../self.js';

/** How long modules may wait at their top level before the warning, in ms. */
const patience = 5000;

/** Share of that time above which the event loop is busy: the modules work, and do not wait. */
const maxUtilization = 0.5;

/** Loads the modules, and gives the warning if they wait too long. */
export async function warningIfStuck<T>(load: () => Promise<T>): Promise<T> {
  let before = eventLoopUtilization();
  let timer = setTimeout(look, patience).unref();
  function look() {
    if (eventLoopUtilization(before).utilization <= maxUtilization) return warn();
    before = eventLoopUtilization();
    timer = setTimeout(look, patience).unref();
  }
  try {
    return await load();
  } finally {
    clearTimeout(timer);
  }
}

function warn(): void {
  const main = self.main === undefined ? '' : `, perhaps the main module ${self.main}`;
  process.emitWarning(
    `${self.name} has not begun after ${patience / 1000} s: a module that it has to load waits for something at its top ` +
      `level${main}. What only the program itself is to do belongs behind \`if (isMainProcess)\``,
    { type: 'MultiprocWarning', code: 'MULTIPROC_LOADING' },
  );
}
