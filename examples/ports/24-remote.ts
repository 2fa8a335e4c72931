// Runs the two programs of this row as two people would: the server, a client, and one who does not know the key.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = (name: string) => fileURLToPath(new URL(`../managers/remote-${name}.js`, import.meta.url));
const client = (...args: string[]) => promisify(execFile)(process.execPath, [program('client'), ...args]);

// Port 0: whichever is free. The server prints it.
const server = spawn(process.execPath, [program('server'), '127.0.0.1', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
const [line] = await once(createInterface(server.stdout), 'line');
const port = /\d+(?=\D*$)/.exec(line)?.[0] ?? '';

const { stdout } = await client('127.0.0.1', port);
process.stdout.write(stdout);
// → []
// → [ 1 ]

await client('127.0.0.1', port, 'a wrong key').catch((error) => {
  console.log(/\w*AuthenticationError/.exec(error.stderr)?.[0]); // → AuthenticationError
});

server.kill();
await once(server, 'exit');
