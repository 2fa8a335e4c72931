/** The C++ test programs below the bindings, the crash rigs and the header fuzzer, each in its short form. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

// Everything is compiled at the first run.
t.setTimeout(900_000);

const script = fileURLToPath(new URL('../scripts/test-native.js', import.meta.url));
const noCompiler = (await run(['--compiler'])).output.startsWith('none') && 'no C++ compiler here';

t.test(
  'the test programs pass; `npm run test:native` runs them under the sanitizers',
  { skip: noCompiler },
  async (t) => {
    const { code, output } = await run(['--quick']);
    for (const [, not, text = ''] of output.matchAll(/^(not )?ok \d+ - (.*)$/gm)) t.ok(not === undefined, text);
    t.equal(code, 0, output);
  },
);

t.test('500 kills lose and tear nothing, and rigs that break a rule notice', { skip: noCompiler }, async (t) => {
  const { code, output } = await run(['run', 'crash', 'short']);
  t.comment(output);
  t.equal(code, 0, output);
});

t.test('500 kills at an event, a condition and a barrier leave nobody waiting', { skip: noCompiler }, async (t) => {
  const { code, output } = await run(['run', 'crash_gathering', 'short']);
  t.comment(output);
  t.equal(code, 0, output);
});

t.test('50,000 damaged headers are answered by a fault that has a name', { skip: noCompiler }, async (t) => {
  const { code, output } = await run(['run', 'fuzz', '--flavour', 'address', 'cases=50000']);
  t.comment(output);
  t.equal(code, 0, output);
});

function run(parts: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [script, ...parts], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
