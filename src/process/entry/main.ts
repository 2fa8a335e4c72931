/** What a spawned node runs. */
import './mark.js';
import { runErrand } from './errand.js';

// Where launchers/spawn.ts puts them.
void runErrand({ memory: 3, notice: 4, creator: 5 });
