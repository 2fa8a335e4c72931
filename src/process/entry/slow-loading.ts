/** A warning where the modules of a child's work do not come to their end: without it, the child waits without a word. */
import { clearTimeout, eventLoopUtilization, setTimeout } from '../../timing.js';
import { self } from '../self.js';

/** How long modules may wait at their top level before that is said, in ms. */
const patience = 5000;

/** The part of that time in which the event loop may be busy: then the modules work, and do not wait. */
const maxUtilization = 0.5;

/** Loads them, and gives the warning meanwhile, if it comes to that. */
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
