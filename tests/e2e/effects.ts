/** One line of the effect log: what a handler really did, written by itself. */
export interface Effect {
  job: string;
  attempt: number;
  event: "ready" | "start" | "end" | "stopped";
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
