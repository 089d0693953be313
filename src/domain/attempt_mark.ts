/** The environment variable that says which attempt a process belongs to: `<job id>:<attempt>`. */
export const ATTEMPT_VARIABLE = "JOBD_ATTEMPT";

/** The value of {@linkcode ATTEMPT_VARIABLE} for an attempt. */
export function attemptMark(jobId: string, attempt: number): string {
  return `${jobId}:${attempt}`;
}

/** Reads {@linkcode attemptMark} back; undefined for anything else. */
export function parseAttemptMark(mark: string): { jobId: string; attempt: number } | undefined {
  const match = /^([^:]+):(\d+)$/.exec(mark);
  return match === null ? undefined : { jobId: match[1]!, attempt: Number(match[2]) };
}
