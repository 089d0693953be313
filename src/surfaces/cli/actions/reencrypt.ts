import type { Input } from "../command.ts";
import type { Context } from "../context.ts";
import { count } from "../format.ts";
import { type Miss, reportMisses } from "./targets.ts";

/** `jobd reencrypt` */
export async function reencryptJobs(_: Input, context: Context): Promise<number> {
  const { out } = context;
  const jobd = await context.jobd();
  const onProgress = (done: number): void => out.progress(`${count(done, "job")} looked at`);
  const { succeeded, failed } = await jobd.reencrypt({ onProgress });
  out.endProgress();
  const missed: Miss[] = failed.map(({ id, code, reason }) => ({ id, code, reason: `Job ${id}: ${reason}` }));
  if (out.json) out.document({ succeeded, failed: missed });
  else out.line(`${count(succeeded.length, "job")} encrypted with the current key`);
  return reportMisses(out, missed);
}
