import { type Command, command } from "../command.ts";

/** The command about types of jobs. */
export const TYPE_COMMANDS: readonly Command[] = [
  command({
    path: "types",
    summary: "List types of jobs, with their jobs by state, ended runs of the last day, and workers",
    details:
      "Those that have jobs which are not completed, that ran within the last day, or that workers name. Counts end at 1000.",
    examples: [["jobd types", "what there is to do, and whether somebody does it"]],
    run: async (...given) => (await import("../actions/types.ts")).listTypes(...given),
  }),
];
