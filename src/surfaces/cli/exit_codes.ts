/** What the exit codes mean; scripts rely on them. */
export const EXIT_CODES: Readonly<Record<number, string>> = {
  0: "done",
  1: "failed: the job did not complete, a check found an error, or jobd itself failed",
  2: "wrong use or wrong configuration",
  3: "not found",
  4: "conflict: the thing is not in a state in which this can be done",
  5: "the store cannot be reached or used",
  6: "refused: the schema is missing, or newer than the program, or a permission is lacking",
  130: "interrupted",
};

/** The exit code after Ctrl-C. */
export const INTERRUPTED = 130;
