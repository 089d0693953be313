import { duration, integer, nameOf, text } from "../../config/readers.ts";
import { type Command, command, flag, list, value } from "../command.ts";
import { boundedText, header, orNone, priority, redactPath, someTime, startTime } from "./job_readers.ts";
import { IDS } from "./options.ts";

/** `jobd job update` */
export const UPDATE_COMMAND: Command = command({
  path: "job update",
  summary: "Change jobs that have not started: priority, start, queue, payload, limits",
  details:
    "What is not given stays as it is. A job that gets another queue or priority is the last to arrive there. " +
    "Running and finished jobs are refused.",
  args: [IDS],
  options: {
    payload: value(text, "json", "what the handler gets: JSON, @FILE, or - for stdin", { short: "p" }),
    queue: value(nameOf("queue"), "name", "the lane to wait in; it is created if there is none", {
      short: "q",
    }),
    priority: value(priority, "n", "higher runs first: a number, or critical, high, medium, low"),
    delay: value(duration(), "duration", "start no earlier than after this time from now; 0s for now"),
    at: value(startTime, "time", "start no earlier than at this time"),
    maxAttempts: value(integer(1, 1000), "n", "dead after this many failed runs"),
    timeout: value(
      orNone(someTime),
      "duration",
      "longest run of one attempt; none for the queue's or the handler's",
    ),
    ttl: value(
      orNone(someTime),
      "duration",
      "expired unless finished within this time from now; none for never",
    ),
    limitKey: value(
      orNone(boundedText(255)),
      "text",
      "what limits by key tell it apart by; none for nothing",
    ),
    tag: list(
      boundedText(128),
      "text",
      "a label to filter by; those given take the place of all that were there",
    ),
    redact: list(
      redactPath,
      "path",
      "a value of payload and result that nobody sees but the handler; with --payload in place of those that were there",
      { commas: true },
    ),
    noTags: flag("take all labels away"),
    header: list(
      header,
      "name=text",
      "what travels with the job; those given take the place of all that were there",
    ),
    noHeaders: flag("take all headers away"),
  },
  examples: [
    ["jobd job update 4f2a91c0 --priority high --delay 0s", "before others, and now"],
    ["jobd job update 4f2a91c0 77b3e012 --at 2026-12-24T18:00:00Z", "two jobs at another time"],
    [
      `jobd job update 4f2a91c0 --queue slow --payload '{"to":"user@example.com"}'`,
      "another lane and payload",
    ],
  ],
  run: async (...given) => (await import("../actions/job_update.ts")).updateJobs(...given),
});
