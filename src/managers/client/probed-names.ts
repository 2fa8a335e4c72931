/** Names that the language and tools ask of any value: a proxy answers them itself, and never asks its server. */

/** Read, and often called, by JSON, `await`, loggers, database drivers, and the printers and matchers of test runners. */
const probes = new Set(
  `then toJSON asymmetricMatch inspect nodeType nodeName tagName isImmutable jasmineToString jasmineMatches toBSON toPOJO
  toPostgres toSqlString toSQL isRawInstance toStringTag callee default`.split(/\s+/),
);

/** Marks of libraries: `$$typeof`, `@@__IMMUTABLE_ITERABLE__@@`, `__esModule`, `_isMockFunction`. */
const mark = /^(?:\$\$|@@|_)/;

/** Whether the name is asked for by others than the program itself. `callMethod` calls a method of such a name. */
export function isProbe(name: string): boolean {
  return probes.has(name) || mark.test(name);
}
