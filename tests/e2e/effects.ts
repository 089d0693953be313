/** One line of the effect log: what a handler really did, written by itself. */
export interface Effect {
  job: string;
  attempt: number;
  event: "ready" | "start" | "end" | "failed" | "stopped";
  /** Wall time of the machine. */
  at: number;
  pid: number;
}

/** Reads an effect log; a line that a killed process left half-written is passed over. */
export async function readEffects(file: string): Promise<Effect[]> {
  const text = await Deno.readTextFile(file).catch(() => "");
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line) as Effect);
}

/** Effects of one kind by job. */
export function byJob(effects: Effect[], event: Effect["event"]): Map<string, Effect[]> {
  const map = new Map<string, Effect[]>();
  for (const effect of effects) {
    if (effect.event !== event) continue;
    const list = map.get(effect.job);
    if (list === undefined) map.set(effect.job, [effect]);
    else list.push(effect);
  }
  return map;
}

/**
 * Attempts of one job that ran at the same time, in words. An attempt runs from its start to its end; one whose process
 * was killed or frozen, up to that moment (`halts`, by process): what a frozen process does when it wakes up is late, and
 * jobd must refuse it.
 */
export function overlaps(effects: Effect[], halts: ReadonlyMap<number, number[]>): string[] {
  const overs = new Map(
    effects.filter(({ event }) => event !== "ready" && event !== "start").map((
      effect,
    ) => [runOf(effect), effect.at]),
  );
  const found: string[] = [];
  for (const [job, starts] of byJob(effects, "start")) {
    let last: { attempt: number; until: number } | undefined;
    for (const { attempt, at, pid } of starts) {
      if (last !== undefined && at < last.until) {
        found.push(
          `attempt ${attempt} of ${job} started ${
            last.until - at
          } ms before attempt ${last.attempt} was over`,
        );
      }
      const halt = halts.get(pid)?.find((halted) => halted >= at) ?? Infinity;
      const over = overs.get(runOf({ job, attempt })) ?? Infinity;
      last = { attempt, until: Math.min(over, halt) };
    }
  }
  return found;
}

function runOf({ job, attempt }: Pick<Effect, "job" | "attempt">): string {
  return `${job} ${attempt}`;
}
