import type { LogChunk } from "../../../domain/job.ts";
import type { Input, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { INTERRUPTED } from "../exit_codes.ts";
import type { Style } from "../style.ts";
import { findJobs, reportMisses } from "./targets.ts";
import { logView } from "../../views.ts";

type LogsInput = Input<{ follow: OptionSpec<boolean>; raw: OptionSpec<boolean> }>;

const STYLES: Record<LogChunk["stream"], Style> = { stdout: "plain", stderr: "yellow", system: "dim" };

/** `jobd job logs` */
export async function printLogs({ args, options }: LogsInput, context: Context): Promise<number> {
  const { out } = context;
  const jobd = await context.jobd();
  const { jobs, missed } = await findJobs(jobd, args);
  const collected: unknown[] = [];
  const stop = options.follow ? AbortSignal.any([context.interrupted(), out.closed]) : out.closed;
  for (const { id } of jobs) {
    const reader = new LogReader();
    for await (const chunk of jobd.jobs.logs(id, { follow: options.follow, signal: stop })) {
      if (out.closed.aborted) return 0;
      if (!out.json) {
        for (const [text, style] of reader.read(chunk)) {
          options.raw ? out.raw(text) : out.text(text, style);
        }
      } else if (options.follow) out.jsonLine({ jobId: id, ...logView(chunk) });
      else collected.push({ jobId: id, ...logView(chunk) });
      await out.flush();
    }
  }
  if (out.json && !options.follow) out.document({ items: collected });
  if (options.follow && context.interrupted().aborted) return INTERRUPTED;
  return reportMisses(out, missed);
}

/** Turns chunks into text: says where an attempt begins when there are several, and where something was left out. */
export class LogReader {
  #attempt = 0;
  #expected = 0;
  #lineOpen = false;

  /** The pieces of text to print for a chunk. */
  read(chunk: LogChunk): [string, Style][] {
    const pieces: [string, Style][] = [];
    if (chunk.attempt !== this.#attempt) {
      if (this.#attempt !== 0 || chunk.attempt > 1) {
        pieces.push([this.#own(`── attempt ${chunk.attempt} ──`), "dim"]);
      }
      this.#attempt = chunk.attempt;
      this.#expected = 0;
    }
    if (chunk.offset > this.#expected) {
      pieces.push([this.#own(`[... ${chunk.offset - this.#expected} characters left out ...]`), "dim"]);
    }
    this.#expected = chunk.offset + chunk.text.length;
    pieces.push([chunk.text, STYLES[chunk.stream]]);
    this.#lineOpen = !chunk.text.endsWith("\n");
    return pieces;
  }

  #own(text: string): string {
    const line = `${this.#lineOpen ? "\n" : ""}${text}\n`;
    this.#lineOpen = false;
    return line;
  }
}
