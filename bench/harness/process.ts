import process from "node:process";
import { measures } from "./measures.ts";
import type { OpenSubject } from "./subject.ts";
import type { Report, Task } from "./task.ts";

/** What a measurement gets from the process around it. */
export interface Conversation {
  /** Resolves when the parent has said this word. */
  told(word: "go" | "stop"): Promise<void>;
  /** Tells the parent something. */
  tell(report: Report): Promise<void>;
}

/** Runs the one task this process was started for, and ends. Its store is thrown away, so nothing is tidied up. */
export async function measureIn(open: OpenSubject): Promise<void> {
  const task: Task = JSON.parse(process.argv[2] ?? "{}");
  const conversation = conversationWithParent();
  const subject = await open({ url: task.url, options: task.options });
  const figures = await measures[task.measure](subject, task, {
    ...conversation,
    ready: async () => {
      await conversation.tell({ kind: "ready", about: subject.about });
      await conversation.told("go");
    },
  });
  await conversation.tell({ kind: "done", figures });
  process.exit(0);
}

function conversationWithParent(): Conversation {
  const words = new Map<string, PromiseWithResolvers<void>>();
  const word = (name: string): PromiseWithResolvers<void> => {
    const known = words.get(name) ?? Promise.withResolvers<void>();
    words.set(name, known);
    return known;
  };
  process.stdin.setEncoding("utf8");
  // A word and its line end arrive together: pipes do not split so few bytes.
  process.stdin.on("data", (text: string) => text.split("\n").forEach((name) => word(name).resolve()));
  process.stdin.on("end", () => process.exit(1)); // the parent is gone
  return {
    told: (name) => word(name).promise,
    tell: (report) =>
      new Promise((resolve) => process.stdout.write(`${JSON.stringify(report)}\n`, () => resolve())),
  };
}
