/** Both builds, node-gyp's and cmake-js's, compile every native source with the same settings that matter. */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../', import.meta.url);
const gyp = readFileSync(new URL('binding.gyp', root), 'utf8');
const cmake = readFileSync(new URL('CMakeLists.txt', root), 'utf8');

function sources(text: string): string[] {
  return [...text.matchAll(/native\/[\w/]+\.cc/g)].map(([source]) => source);
}

t.test('both list every source file once, in order', async (t) => {
  const onDisk = readdirSync(new URL('native', root), { recursive: true })
    .map((file) => `native/${file}`)
    .filter((file) => file.endsWith('.cc'))
    .sort();
  t.strictSame(sources(gyp), onDisk, 'binding.gyp');
  t.strictSame(sources(cmake), onDisk, 'CMakeLists.txt');
});

t.test('both define the same and link alike', async (t) => {
  for (const setting of ['NAPI_VERSION=8', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', '-Wl,-z,nodelete', '-Wl,-z,now']) {
    t.ok(gyp.includes(setting), `${setting} in binding.gyp`);
    t.ok(cmake.includes(setting), `${setting} in CMakeLists.txt`);
  }
  t.match(gyp, /"-include", "sys\/glibc_baseline\.h"/);
  t.match(cmake, /-include sys\/glibc_baseline\.h/);
});
