/** The first module of a child's program, without imports: every later module sees that this is a child. */
const marks = process as unknown as Record<symbol, boolean | undefined>;

marks[Symbol.for('multiproc.child')] = true;
marks[Symbol.for('multiproc.entered')] = true;

export {};
