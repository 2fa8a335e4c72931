/** What a spawned node runs. */
import './mark.js';
import type { Errand } from '../errand.js';
import type { ChildFacts } from '../facts.js';
import { runErrand } from './errand.js';
import { beginProcess } from './perform.js';

// Where launchers/spawn.ts puts them.
void runErrand({ memory: 3, notice: 4, creator: 5 }, begin);

// Node was started in the directory that relative paths in its options are about.
function begin(facts: ChildFacts, errand: Errand): void {
  if (facts.cwd !== undefined && facts.cwd !== process.cwd()) process.chdir(facts.cwd);
  beginProcess(facts, errand);
}
