import { text } from "../../config/readers.ts";
import { type ArgumentSpec, type Command, command, value } from "../command.ts";
import { boundedText } from "./job_readers.ts";

const TARGET: ArgumentSpec = {
  name: "id|token",
  summary: "a job whose handler waits, by its id or a part of it; or the token of the wait",
};

const NAME = value(
  boundedText(256),
  "name",
  "which of the job's waits, by its name (default: the one it waits for)",
);

/** Commands about jobs whose handlers wait for something from outside. */
export const WAIT_COMMANDS: readonly Command[] = [
  command({
    path: "job resume",
    summary: "Answer what a job waits for (an approval, a webhook): it goes on with this value",
    details:
      "The handler runs again and gets the value. With --name an answer may come before the handler has asked; it is " +
      "kept for it. A job that sleeps goes on at once. A second answer is refused with exit code 4.",
    args: [TARGET],
    options: {
      value: value(text, "json", "the answer: JSON, @FILE to read it from a file, or - for stdin", {
        short: "v",
        default: "null",
      }),
      name: NAME,
      key: value(
        boundedText(256),
        "text",
        "tells this answer from others: given again with the same key, nothing is wrong",
      ),
    },
    examples: [
      [`jobd job resume 4f2a91c0 --value '{"approved":true}'`, "what the handler waits for"],
      ["jobd job resume 4f2a91c0 --name approval --value true --key mail-77", "safe to say twice"],
    ],
    run: async (...given) => (await import("../actions/job_waits.ts")).resume(...given),
  }),
  command({
    path: "job complete",
    summary: "End a job whose handler waits with a result, without running it again",
    args: [TARGET],
    options: {
      result: value(text, "json", "the result: JSON, @FILE to read it from a file, or - for stdin", {
        short: "r",
        default: "null",
      }),
      name: NAME,
    },
    examples: [[`jobd job complete 4f2a91c0 --result '{"pages":3}'`, "the work was done elsewhere"]],
    run: async (...given) => (await import("../actions/job_waits.ts")).complete(...given),
  }),
  command({
    path: "job fail",
    summary: "Make a job whose handler waits a dead letter, without running it again",
    args: [TARGET],
    options: {
      error: value(boundedText(4_000), "text", "what went wrong", {
        short: "e",
        default: "Failed on request",
      }),
      code: value(boundedText(64), "text", "what kind of failure", { default: "failed" }),
      name: NAME,
    },
    examples: [[`jobd job fail 4f2a91c0 --error "The scan shows malware"`, "with the reason"]],
    run: async (...given) => (await import("../actions/job_waits.ts")).fail(...given),
  }),
];
