/** Main module of a spawned child. */
import './mark.js';
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { native } from '../../native.js';
import { variable } from '../child-mark.js';
import type { Errand } from '../errand.js';
import type { ChildFacts } from '../facts.js';
import { keepTitle } from '../title.js';
import { runErrand } from './errand.js';
import { beginProcess } from './perform.js';

// The descriptors' numbers are those of launchers/spawn.ts.
void runErrand({ memory: 3, notice: 4, creator: 5 }, begin);

// Node was started in the directory against which relative paths in its options resolve.
function begin(facts: ChildFacts, errand: Errand): void {
  if (facts.cwd !== undefined && facts.cwd !== process.cwd()) process.chdir(facts.cwd);
  keepTitle();
  hideMark();
  beginProcess(facts, errand);
}

// Removes the variable from /proc/PID/environ; it is gone from `process.env` already.
function hideMark(): void {
  if (!native.canReplaceEnvironmentBlock()) return;
  try {
    const variables = readFileSync('/proc/self/environ', 'latin1').split('\0').filter(Boolean);
    const others = variables.filter((text) => !text.startsWith(`${variable}=`));
    native.replaceEnvironmentBlock(Buffer.from(others.map((text) => `${text}\0`).join(''), 'latin1').toString());
  } catch {
    // The permission model hides /proc: the variable stays visible there.
  }
}
