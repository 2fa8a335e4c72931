// Makes the JavaScript of dist/ from src/: modules put together to a few files, so that importing the package and starting a
// process take few of them, without comments, indented by tabs.
//
//   node scripts/bundle.js [--source-maps]     for coverage: with maps to src/, and indented as TypeScript does
//
// Files of their own are the entries below, and each module that src/ names by `new URL('./x.js', import.meta.url)`: a program
// of a child, of a thread, or a part that is loaded when it is first needed. Everything else lies in files that these share, so each
// module is there once in a process, whatever it came by.
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { transform } from 'esbuild';
import { rollup } from 'rollup';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = `${root}src/`;
const entries = {
  es: ['index', 'dummy/index', 'keyv/index', 'posix/index', 'redis/index', 'command/main', 'internals'],
  cjs: ['index', 'dummy/index', 'keyv/index', 'posix/index', 'redis/index', 'managers/client/proxy-deserializer'],
};
const namedByUrl = /new URL\('(\.[^']*)\.js', import\.meta\.url\)/g;
/** Folders whose modules make a file each; what is below them makes the file `core`. */
const parts = ['managers', 'pool', 'threads'];
const above = ['api', 'context'];

const sourceMaps = parseArgs({ options: { 'source-maps': { type: 'boolean', default: false } } }).values['source-maps'];
const modules = compile();
let shared;

for (const format of ['es', 'cjs']) {
  const extension = format === 'es' ? 'js' : 'cjs';
  const bundle = await rollup({
    input: Object.fromEntries(entries[format].map((name) => [name, `${source}${name}.ts`])),
    external: (id) => !/^[./]/.test(id),
    plugins: [
      {
        name: 'sources',
        resolveId,
        load: format === 'es' ? loadWithPrograms : loadForContext,
        resolveFileUrl,
        resolveImportMeta: format === 'es' ? undefined : urlOfScript,
        renderChunk: sourceMaps ? undefined : format === 'es' ? compact : minify,
      },
    ],
    // Every module stays, and in its order: classes and handles announce themselves when they load.
    treeshake: false,
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  await bundle.write({
    dir: `${root}dist`,
    format,
    manualChunks,
    sourcemap: sourceMaps,
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `[name].${extension}`,
    minifyInternalExports: false,
    hoistTransitiveImports: false,
    generatedCode: 'es2015',
    exports: 'named',
    interop: 'default',
    externalLiveBindings: false,
    esModule: false,
  });
}

function resolveId(id, importer) {
  return importer !== undefined && id.startsWith('.') ? resolve(dirname(importer), id.replace(/\.js$/, '.ts')) : null;
}

/** Emits a file for each module that is named by its URL. */
function loadWithPrograms(id) {
  const { code, map } = modules.get(id);
  const named = code.replace(namedByUrl, (_, path) => {
    const module = resolve(dirname(id), `${path}.ts`);
    const name = nameOf(module);
    return `import.meta.ROLLUP_FILE_URL_${this.emitFile({ type: 'chunk', id: module, name, preserveSignature: 'strict' })}`;
  });
  return { code: named, map };
}

/** Leaves children and threads the programs that are ES modules; what is loaded into the context itself is CommonJS. */
function loadForContext(id) {
  const { code, map } = modules.get(id);
  const named = code.replace(namedByUrl, (_, path) => {
    const name = nameOf(resolve(dirname(id), `${path}.ts`));
    return `new URL('./${name}.${entries.cjs.includes(name) ? 'cjs' : 'js'}', import.meta.dist)`;
  });
  return { code: named, map };
}

/** Not as rollup does it, which asks for a `document`: a test environment may have one. */
function urlOfScript(property, { chunkId }) {
  if (property === 'url') return "require('node:url').pathToFileURL(__filename).href";
  return property === 'dist'
    ? `require('node:url').pathToFileURL(\`\${__dirname}/${relative(dirname(chunkId), '.') || '.'}/\`)`
    : null;
}

function resolveFileUrl({ relativePath }) {
  return `new URL('./${relativePath}', import.meta.url)`;
}

/** The CommonJS form is loaded in the vm contexts of test runners alone; it would double the size of the package. */
async function minify(code) {
  const options = { minify: true, keepNames: true, format: 'cjs', target: 'node20', charset: 'ascii' };
  return { code: (await transform(code, { ...options, legalComments: 'none' })).code, map: null };
}

/**
 * Indents by tabs: a fifth of the text is indentation otherwise. Lines inside of template literals stay as they are. And V8
 * keeps a text in half of the memory if all of its characters are ASCII.
 */
function compact(code) {
  const untouchable = [];
  visit(this.parse(code));
  untouchable.sort(([one], [other]) => one - other);
  let offset = 0;
  let next = 0;
  const lines = code.split('\n').map((line) => {
    while (next < untouchable.length && untouchable[next][1] < offset) next++;
    const inside = next < untouchable.length && untouchable[next][0] < offset;
    offset += line.length + 1;
    return inside ? line : line.replace(/^(?: {4})+/, (spaces) => '\t'.repeat(spaces.length / 4));
  });
  const escaped = lines
    .join('\n')
    .replace(/[^\0-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return { code: escaped, map: null };

  function visit(node) {
    if (node === null || typeof node !== 'object') return;
    if (node.type === 'TemplateLiteral') untouchable.push([node.start, node.end]);
    for (const child of Object.values(node)) visit(child);
  }
}

function nameOf(module) {
  return relative(source, module).replace(/\.ts$/, '');
}

function manualChunks(id, { getModuleInfo }) {
  const [folder] = nameOf(id).split('/');
  if (getModuleInfo(id).isEntry || above.includes(nameOf(id))) return undefined;
  if (parts.includes(folder)) return folder;
  shared ??= reachable(`${source}index.ts`, getModuleInfo);
  return shared.has(id) ? 'core' : undefined;
}

function reachable(start, getModuleInfo, found = new Set()) {
  if (found.has(start)) return found;
  found.add(start);
  for (const id of getModuleInfo(start)?.importedIds ?? []) reachable(id, getModuleInfo, found);
  return found;
}

/** The JavaScript of each module; whether its types are right, `tsc` says. */
function compile() {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const program = ts.createProgram(fileNames, {
    ...options,
    declaration: false,
    removeComments: true,
    sourceMap: sourceMaps,
    inlineSources: sourceMaps,
    noCheck: true,
    noLib: true,
    types: [],
  });
  const found = new Map();
  program.emit(undefined, (file, text, _mark, _error, [{ fileName }]) => {
    const module = found.get(resolve(fileName)) ?? {};
    if (file.endsWith('.map')) module.map = { ...JSON.parse(text), sources: [fileName] };
    else module.code = text.replace(/^\/\/# sourceMappingURL=.*$/m, '');
    found.set(resolve(fileName), module);
  });
  return found;
}
