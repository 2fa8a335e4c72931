/** The result of a subcommand of `multiproc`: data for machines, and text for people. */
export interface Report {
  readonly data: unknown;
  readonly text: string;
  /** The exit code; 0 unless something is wrong. */
  readonly code?: number;
}
