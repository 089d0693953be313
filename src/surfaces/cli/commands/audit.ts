import { SURFACES } from "../../../domain/audit.ts";
import { choice, text } from "../../config/readers.ts";
import { type Command, command, value } from "../command.ts";
import { moment, PAGE } from "./options.ts";

/** The command about what operators did. */
export const AUDIT_COMMANDS: readonly Command[] = [
  command({
    path: "audit",
    summary: "Show what operators did, newest first: who, what, when, from where, and what came of it",
    details:
      "Who acts on jobs, queues, limits, schedules, batches, groups, waits and tokens is written down, by whatever they " +
      "do it; who enqueues or runs jobs is not. The user that a command line names is the one that the machine says.",
    options: {
      operation: value(text, "name", "only this, such as jobs.cancel, or all that begin so (queues.*)"),
      actor: value(text, "who", "only by this token (its id or name), user or program"),
      surface: value(choice(SURFACES), "surface", "only by this way"),
      outcome: value(
        choice<"done" | "failed">(["done", "failed"]),
        "outcome",
        "only what was done, or what was refused or failed",
      ),
      request: value(text, "id", "only by this request, as its answer names it"),
      since: value(moment, "time", "from this time on, or so long ago (2h)"),
      until: value(moment, "time", "before this time, or longer ago than this"),
      ...PAGE,
    },
    examples: [
      ["jobd audit --since 1d", "what happened since yesterday"],
      ["jobd audit --operation 'tokens.*' --json", "who made and revoked tokens, for programs"],
      ["jobd audit --outcome failed --surface http", "what the API refused to operators"],
    ],
    run: async (...given) => (await import("../actions/audit.ts")).showAudit(...given),
  }),
];
