/** Answers every message with itself and says its arguments on stdout: for the tests of the harness. */
import { hangUp, hear, tell } from '../harness/parent.js';

console.log('arguments', ...process.argv.slice(2));
for (let message = await hear(); message !== 'bye'; message = await hear()) await tell(message);
hangUp();
