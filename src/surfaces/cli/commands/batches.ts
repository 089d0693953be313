import { BATCH_STATES } from "../../../domain/batch.ts";
import { choice, duration, kept, nameOf, text } from "../../config/readers.ts";
import { type ArgumentSpec, type Command, command, list, value } from "../command.ts";
import { boundedText } from "./job_readers.ts";
import { PAGE } from "./options.ts";

const ID: readonly ArgumentSpec[] = [{
  name: "id",
  summary:
    "a batch's id, or a beginning or ending of it (4 characters or more) that no other recent batch has",
}];

const CALLBACK = "a job, as JSON with the fields of the library (type, payload, queue, ...), or @FILE";

/** Commands about batches. */
export const BATCH_COMMANDS: readonly Command[] = [
  command({
    path: "batches",
    summary: "List batches with their progress, newest first",
    options: {
      state: list(choice(BATCH_STATES), "state", "in these states", { short: "s", commas: true }),
      type: list(nameOf("type"), "name", "of these types", { short: "t", commas: true }),
      parent: value(text, "id", "members of this batch"),
      ...PAGE,
    },
    examples: [
      ["jobd batches", "how far they are"],
      ["jobd batches --state open,running --json", "for scripts"],
    ],
    run: async (...given) => (await import("../actions/batches.ts")).listBatches(...given),
  }),
  command({
    path: "batch show",
    summary: "Show a batch: its progress, its callbacks, the batches inside it",
    details: "Its jobs are listed by `jobd jobs --batch ID`, which takes a state and other filters as well.",
    args: ID,
    examples: [["jobd batch show 4f2a91c0", "by the last characters of its id"]],
    run: async (...given) => (await import("../actions/batches.ts")).showBatch(...given),
  }),
  command({
    path: "batch create",
    summary: "Make an open batch and print its id",
    details:
      "Jobs are added by `jobd enqueue --batch ID`, also many with --bulk; after `jobd batch seal ID` it ends when they have. " +
      "Each callback is enqueued at most once.",
    options: {
      type: value(nameOf("type"), "name", "what kind of batch, to filter by (default: batch)", {
        short: "t",
      }),
      origin: value(boundedText(256), "text", "who makes it"),
      meta: value(text, "json", "free data: a JSON object, or @FILE"),
      parent: value(text, "id", "the batch in which it counts as one member"),
      retention: value(
        kept,
        "duration",
        "how long it is kept after its end, or forever (default: as jobs are)",
      ),
      onComplete: value(text, "job", `when all members have completed: ${CALLBACK}`),
      onFinish: value(text, "job", `when all have ended, however: ${CALLBACK}`),
      onDead: value(text, "job", `when the first one is dead: ${CALLBACK}`),
    },
    examples: [
      [
        `id=$(jobd batch create --on-complete '{"type":"report"}'); ` +
        "jobd enqueue email --bulk --batch $id < all.ndjson; jobd batch seal $id",
        "many jobs, and one when all of them have completed",
      ],
    ],
    run: async (...given) => (await import("../actions/batch_create.ts")).createBatch(...given),
  }),
  command({
    path: "batch seal",
    summary: "Say that all jobs have been added: the batch ends when they have",
    args: ID,
    examples: [["jobd batch seal 4f2a91c0", "that was all"]],
    run: async (...given) => (await import("../actions/batches.ts")).sealBatch(...given),
  }),
  command({
    path: "batch cancel",
    summary: "Cancel all members that wait, and stop those that run; those of the batches inside it too",
    args: ID,
    examples: [["jobd batch cancel 4f2a91c0", "stop an import"]],
    run: async (...given) => (await import("../actions/batches.ts")).cancelBatch(...given),
  }),
  command({
    path: "batch retry",
    summary: "Run the dead members of a batch again; callbacks that were enqueued are not enqueued again",
    args: ID,
    examples: [["jobd batch retry 4f2a91c0", "after the cause is gone"]],
    run: async (...given) => (await import("../actions/batches.ts")).retryBatch(...given),
  }),
  command({
    path: "batch wait",
    summary: "Wait for the end of a batch, and exit 0 if all its members have completed, else 1",
    details: "Ctrl-C leaves the batch alone.",
    args: ID,
    options: { timeout: value(duration("1ms"), "duration", "give up after this time (default: never)") },
    examples: [["jobd batch wait 4f2a91c0 && publish", "go on only if all went well"]],
    run: async (...given) => (await import("../actions/batches.ts")).waitForBatch(...given),
  }),
];
