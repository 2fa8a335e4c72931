/** Every public name says what it is: all that the package exports, and the methods and accessors of its types. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';

const entries = ['../../dist/index.d.ts', '../../dist/keyv/index.d.ts', '../../dist/posix/index.d.ts'].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
);
const program = ts.createProgram(entries, { module: ts.ModuleKind.NodeNext, skipLibCheck: true });
const checker = program.getTypeChecker();

/** What is declared with a body of members, and what of it needs words: fields are often said by their names. */
function undocumentedMembers(declaration: ts.Declaration): string[] {
  if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) return [];
  // Of a pair of accessors, and of overloads, one speaks for all.
  const documented = new Map<string, boolean>();
  for (const member of declaration.members) {
    const needs = ts.isMethodDeclaration(member) || ts.isMethodSignature(member) || ts.isAccessor(member);
    if (!needs || ts.isComputedPropertyName(member.name)) continue;
    const name = member.name.getText();
    documented.set(name, documented.get(name) === true || ts.getJSDocCommentsAndTags(member).length > 0);
  }
  return [...documented].filter(([name, told]) => !told && !name.startsWith('#')).map(([name]) => name);
}

function undocumented(file: string): string[] {
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${file} is not built`);
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const own = symbol.getDocumentationComment(checker).length > 0 ? [] : [exported.name];
    const members = (symbol.declarations ?? []).flatMap(undocumentedMembers);
    return [...own, ...members.map((member) => `${exported.name}.${member}`)];
  });
}

t.test('nothing public is without a word', async (t) => {
  for (const entry of entries) t.strictSame(undocumented(entry), [], entry);
});

t.test('the check sees what is missing', async (t) => {
  const text = 'export declare class A {\n x(): void;\n get y(): number;\n /** Told. */\n z(): void;\n}';
  const source = ts.createSourceFile('a.d.ts', text, ts.ScriptTarget.ES2022, true);
  t.strictSame(undocumentedMembers(source.statements[0] as ts.ClassDeclaration), ['x', 'y']);
});
