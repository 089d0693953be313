import { duration } from "../../config/readers.ts";
import { type ArgumentSpec, type Command, command, flag, value } from "../command.ts";

const NAME: readonly ArgumentSpec[] = [{ name: "name", summary: "the namespace" }];

/** Commands about one namespace. */
export const NAMESPACE_COMMANDS: readonly Command[] = [
  command({
    path: "namespace show",
    summary: "Show a namespace: its queues, its jobs by state, its schedules",
    args: NAME,
    examples: [["jobd namespace show acme", "what a tenant has"]],
    run: async (...given) => (await import("../actions/namespaces.ts")).showNamespace(...given),
  }),
  command({
    path: "namespace create",
    summary: "Create a namespace before its first job does it",
    args: NAME,
    examples: [["jobd namespace create acme", "a tenant, with the queue default"]],
    run: async (...given) => (await import("../actions/namespaces.ts")).createNamespace(...given),
  }),
  command({
    path: "namespace delete",
    summary: "Remove a namespace; one that has jobs, schedules or tokens only by force",
    details:
      "With --force its tokens are revoked, its schedules removed, and its queues deleted with all their jobs, as " +
      "`jobd queue delete --force` does it; if running jobs do not stop in time, calling again goes on. A job that is " +
      "enqueued later makes the namespace anew. Statistics and the audit log stay until they are old.",
    args: NAME,
    options: {
      force: flag("with all that is in it"),
      timeout: value(
        duration("1ms"),
        "duration",
        "with --force: how long running jobs of a queue may take to stop (default: 1m)",
      ),
    },
    examples: [
      ["jobd namespace delete acme", "one that is empty"],
      ["jobd namespace delete acme --force", "a tenant who has left"],
    ],
    run: async (...given) => (await import("../actions/namespaces.ts")).deleteNamespace(...given),
  }),
];
