/**
 * What an example's comments say that it prints.
 *
 * `// → text` is a line, `// → /pattern/` a line that matches. `// 10 × → …` is ten of them, `// some → …` one or more,
 * `// maybe → …` one or none. They come in the order of the comments; after `// In any order:` in any, until
 * `// In this order:`.
 */
export class Expected {
  readonly #groups: Group[];
  #at = 0;

  constructor(source: string) {
    this.#groups = parse(source);
  }

  /** Whether nothing at all is said about what it prints. */
  get isNothing(): boolean {
    return this.#groups.length === 0;
  }

  /** Takes the next line of the program; false if none such is expected now. */
  take(line: string): boolean {
    for (let at = this.#at; at < this.#groups.length; at++) {
      const group = this.#groups[at] as Group;
      const fitting = group.find(({ pattern, seen, most }) => seen < most && pattern.test(line));
      if (fitting !== undefined) {
        fitting.seen++;
        this.#at = at;
        return true;
      }
      if (!complete(group)) return false;
    }
    return false;
  }

  /** The patterns of the lines that have not come yet, and must. */
  get missing(): string[] {
    return this.#groups.flatMap((group) =>
      group.filter(({ seen, least }) => seen < least).map(({ pattern }) => String(pattern)),
    );
  }
}

interface Line {
  pattern: RegExp;
  least: number;
  most: number;
  seen: number;
}

/** Lines that come in any order. */
type Group = Line[];

const complete = (group: Group): boolean => group.every(({ seen, least }) => seen >= least);

function parse(source: string): Group[] {
  const groups: Group[] = [];
  let anyOrder: Group | undefined;
  const comments = /\/\/ (?:(In any order:)|(In this order:)|(?:(\d+) × |(some) |(maybe) )?→ (.*))$/gm;
  for (const [, any, ordered, times, some, maybe, text = ''] of source.matchAll(comments)) {
    if (any !== undefined) {
      anyOrder = [];
      groups.push(anyOrder);
    } else if (ordered !== undefined) {
      anyOrder = undefined;
    } else {
      const count = Number(times ?? 1);
      const line: Line = {
        pattern: patternOf(text),
        least: maybe === undefined ? count : 0,
        most: some === undefined ? count : Number.POSITIVE_INFINITY,
        seen: 0,
      };
      if (anyOrder === undefined) groups.push([line]);
      else anyOrder.push(line);
    }
  }
  return groups;
}

function patternOf(text: string): RegExp {
  const pattern = /^\/(.+)\/$/.exec(text)?.[1];
  return new RegExp(pattern ?? `^${text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')}$`);
}
