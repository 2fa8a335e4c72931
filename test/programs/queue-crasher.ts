/** One producer or consumer of a queue that is killed at any moment: `NAME PRODUCERS MAXSIZE ROLE NUMBER FORM`. */
import { tell } from '../harness/parent.js';
import { Books } from '../harness/queue-crew.js';

const [name, producers, maxsize, role, number, form] = process.argv.slice(2) as string[];
const books = new Books(name as string, Number(producers), Number(maxsize));
await tell('ready');
if (role === 'put') books.produce(Number(number), form === 'many');
else if (form === 'promise') await books.consumeByPromise();
else books.consume(form === 'many');
await tell('done');
process.exit();
