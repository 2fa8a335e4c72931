/** The target of the rehearsal: a module that is imported by its URL, as those of programs are. */
export function nothing(): void {}
