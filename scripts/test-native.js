// Builds the C++ test programs over native/sys and native/sync, and runs them: no JavaScript is involved below this file.
//
//   node scripts/test-native.js [part of a program's name …] [--flavour plain,address,thread] [--jobs N]
//       the programs test/native/*_test.cc, each plain, with the address and undefined behaviour sanitizers, and with the
//       thread sanitizer; prints TAP
//   node scripts/test-native.js --quick [--build]
//       each program without sanitizers; with --build they are only made, with those that the suite starts by `run`
//   node scripts/test-native.js run PROGRAM [--flavour plain] [--] [its arguments …]
//       one program, its output untouched: `crash` and `fuzz` explain their arguments at their top
//   node scripts/test-native.js --compiler
//       prints the compiler that is used, or `none`
//
// Objects are kept under node_modules/.cache, named by a hash of everything that they are made from.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = `${root}/node_modules/.cache/multiproc-native`;
const compiler = ['g++', 'clang++', 'c++'].find((name) => spawnSync(name, ['--version']).status === 0);
const folders = ['native/sys', 'native/sync'];
const flavours = {
  plain: ['-O2'],
  address: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'],
  // g++ warns of a fence, which this sanitizer does not see. What the fence orders is atomic on both sides.
  thread: ['-O1', '-fsanitize=thread', '-fno-omit-frame-pointer', ...(compiler === 'g++' ? ['-Wno-tsan'] : [])],
};
// What test/native.test.ts runs beside.
const standalone = { crash: 'plain', crash_gathering: 'plain', fuzz: 'address' };
const environment = {
  ...process.env,
  // Life words are mutexes that are held when their thread ends: that is their purpose, not a leak.
  TSAN_OPTIONS: 'halt_on_error=1 exitcode=66 report_mutex_bugs=0 die_after_fork=0',
  ASAN_OPTIONS: 'detect_leaks=0',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};
// A program that hangs is a failure. They have watchdogs of their own; this is for the rest.
const longest = 300_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    compiler: { type: 'boolean' },
    build: { type: 'boolean' },
    flavour: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    quick: { type: 'boolean' },
  },
});
/** What is being made in this process: several programs need the same objects. */
const making = new Map();
const headers = ['test/native', ...folders].flatMap((folder) => files(folder, '.h')).map(read);

if (options.compiler) {
  console.log(compiler ?? 'none');
} else if (compiler === undefined) {
  console.log('1..0 # SKIP no C++ compiler (g++ or clang++) here');
} else if (positionals[0] === 'run') {
  const flavour = options.flavour ?? 'plain';
  const program = await build(`test/native/${positionals[1]}.cc`, flavour);
  const child = spawn(program, positionals.slice(2), { env: environment, stdio: 'inherit' });
  child.on('exit', (code, signal) => {
    if (signal !== null) console.error(`ended by ${signal}`);
    process.exitCode = code ?? 1;
  });
} else {
  await runTests();
}

async function runTests() {
  const wanted = files('test/native', '_test.cc').filter(
    (file) => positionals.length === 0 || positionals.some((part) => file.includes(part)),
  );
  const chosen = options.flavour?.split(',') ?? (options.quick ? ['plain'] : Object.keys(flavours).filter(works));
  for (const flavour of Object.keys(flavours)) {
    if (!chosen.includes(flavour)) console.log(`# not run: ${flavour} (not asked for, or the compiler cannot)`);
  }
  const work = chosen.flatMap((flavour) => wanted.map((file) => ({ file, flavour })));
  if (options.build) {
    for (const [program, flavour] of Object.entries(standalone)) {
      if (works(flavour)) work.push({ file: `test/native/${program}.cc`, flavour });
    }
    return inParallel(work, ({ file, flavour }) => build(file, flavour));
  }
  let count = 0;
  await inParallel(work, async ({ file, flavour }) => {
    const name = `${basename(file, '.cc')} (${flavour})`;
    const start = performance.now();
    let result;
    try {
      result = await capture(await build(file, flavour), []);
    } catch (error) {
      result = { ok: false, output: error.message };
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const passed = result.output.match(/^ok (?!.*# SKIP)/gm)?.length ?? 0;
    const skipped = [...result.output.matchAll(/^ok \d+ - (.*) # SKIP (.*)$/gm)];
    console.log(`${result.ok ? '' : 'not '}ok ${++count} - ${name}: ${passed} tests in ${seconds} s`);
    for (const [, test, reason] of skipped) console.log(`# skipped in ${name}: ${test}: ${reason}`);
    if (!result.ok) {
      console.log(result.output.replace(/^/gm, '# '));
      process.exitCode = 1;
    }
  });
  console.log(`1..${count}`);
}

async function build(file, flavour) {
  const flags = [...flavours[flavour], '-std=c++17', '-g1', '-pthread', '-Wall', '-Wextra', '-Werror', '-Inative'];
  flags.push('-Itest/native');
  mkdirSync(cache, { recursive: true });
  const sources = [file, ...folders.flatMap((folder) => files(folder, '.cc'))];
  const objects = sources.map((source) => `${hash(source, read(source), ...headers, ...flags)}.o`);
  const missing = sources.map((source, i) => ({ source, object: objects[i] })).filter(({ object }) => !has(object));
  await inParallel(missing, ({ source, object }) => make(['-c', ...flags, source], object));
  const program = `${basename(file, '.cc')}-${flavour}-${hash(...objects)}`;
  if (!has(program)) {
    for (const old of readdirSync(cache)) {
      if (old.startsWith(`${basename(file, '.cc')}-${flavour}-`)) rmSync(`${cache}/${old}`);
    }
    await make([...flags, ...objects.map((object) => `${cache}/${object}`)], program);
  }
  return `${cache}/${program}`;
}

function make(parts, target) {
  if (has(target)) return undefined;
  if (!making.has(target)) making.set(target, makeAlone(parts, target));
  return making.get(target);
}

// Under a name of its own first: another run may build the same at the same time.
async function makeAlone(parts, target) {
  const temporary = `${cache}/${target}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const { ok, output } = await capture(compiler, [...parts, '-o', temporary]);
  if (!ok) throw new Error(`cannot build ${target}:\n${output}`);
  renameSync(temporary, `${cache}/${target}`);
}

function capture(program, parts) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parts, { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    const watchdog = setTimeout(() => child.kill('SIGKILL'), longest);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(watchdog);
      if (signal !== null) output += `\nended by ${signal}`;
      resolve({ ok: code === 0, output });
    });
  });
}

// Whether a program with this sanitizer can be built and run here.
function works(flavour) {
  const program = `${cache}/probe-${flavour}-${process.pid}`;
  mkdirSync(cache, { recursive: true });
  const built = spawnSync(compiler, ['-x', 'c++', '-', '-pthread', ...flavours[flavour], '-o', program], {
    input: '#include <thread>\nint main() { std::thread([] {}).join(); }',
  });
  const good = built.status === 0 && spawnSync(program).status === 0;
  rmSync(program, { force: true });
  return good;
}

async function inParallel(list, action) {
  const queue = [...list];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await action(next);
  };
  await Promise.all(Array.from({ length: Number(options.jobs) }, worker));
}

function files(folder, ending) {
  return readdirSync(`${root}/${folder}`)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => `${folder}/${name}`);
}

function has(name) {
  return existsSync(`${cache}/${name}`);
}

function read(file) {
  return readFileSync(`${root}/${file}`, 'utf8');
}

function hash(...parts) {
  return createHash('sha256').update(parts.join('\0')).update(compiler).digest('hex').slice(0, 24);
}
