import { type ErrorCode, JobdError } from "../domain/errors.ts";
import { platform } from "../storage/platform/here.ts";

/** The error for what only Deno can do, where something else runs this program. `what` is the subject of its sentence. */
export function needsDeno(what: string, code: ErrorCode): JobdError {
  return new JobdError(code, `${what} Deno, and ${platform.name} runs this program`, {
    hint:
      "Leave such jobs to a worker in a Deno program or to the jobd daemon; this program can enqueue them.",
  });
}
