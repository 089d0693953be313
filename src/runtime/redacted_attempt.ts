import type { Job, LogChunk } from "../domain/job.ts";
import { joinedPaths, type Redaction, redactionOf } from "../domain/redaction.ts";
import { storableResult } from "../domain/result.ts";
import type { SecretStream } from "../domain/secret_text.ts";
import type { Handler, RunContext } from "./handler.ts";
import type { OpenLog } from "./log_writer.ts";

/** The job as its attempt sees it: what its handler redacts counts too, which whoever made the job may not have known. */
export function asHandled(job: Job, handler: Handler | undefined): Job {
  if (handler?.redact === undefined) return job;
  const redact = joinedPaths(job.options.redact, handler.redact);
  return redact === undefined ? job : { ...job, options: { ...job.options, redact } };
}

/** What an attempt leaves behind, without what nobody may see: it is taken out before it is stored or said anywhere. */
export interface Traces {
  /** Its log. */
  log: OpenLog;
  /** Its progress notes. */
  progress: RunContext["progress"];
  /** Takes values out of its failures; undefined when the job redacts nothing. */
  redaction: Redaction | undefined;
}

/** The same log and notes, or such as let no redacted value of the jobs through: one, or those of a group. */
export function redactedTraces(jobs: readonly Job[], plain: Traces): Traces {
  // Most attempts redact nothing, and are not to pay for those that do.
  if (jobs.every(({ options }) => options.redact === undefined)) return plain;
  const redaction = redactionOf(...jobs);
  if (redaction === undefined) return plain;
  return {
    log: redactedLog(plain.log, redaction),
    progress: (note) => plain.progress(redaction.json(storableResult(note))),
    redaction,
  };
}

/** A value may come in pieces, so what could be the beginning of one is held back until it is known how it goes on. */
function redactedLog(log: OpenLog, redaction: Redaction): OpenLog {
  const streams = new Map<LogChunk["stream"], SecretStream>();
  return {
    write(text, stream = "stdout") {
      let open = streams.get(stream);
      if (open === undefined) streams.set(stream, open = redaction.stream());
      log.write(open.next(text), stream);
    },
    close() {
      for (const [name, stream] of streams) log.write(stream.end(), name);
      return log.close();
    },
  };
}
