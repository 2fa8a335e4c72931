/** What a subcommand of `multiproc` hands back: its result for machines, and the same as text for people. */
export interface Report {
  readonly data: unknown;
  readonly text: string;
  /** The exit code; 0 unless something is wrong. */
  readonly code?: number;
}
