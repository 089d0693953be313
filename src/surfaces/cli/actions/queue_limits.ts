import { formatDuration } from "../../../domain/duration.ts";
import { EACH_KEY, type Limit, type LimitSettings, type RateOptions } from "../../../domain/limit.ts";
import type { Jobd } from "../../../runtime/jobd.ts";

/** What a command says about the limits of a queue; `"default"` takes one back. */
export interface LimitFlags {
  /** Jobs at a time. */
  concurrency?: number | "default" | undefined;
  /** Starts in a time. */
  rate?: RateOptions | "default" | undefined;
  /** Jobs of one key at a time. */
  keyConcurrency?: number | "default" | undefined;
  /** Starts of one key in a time. */
  keyRate?: RateOptions | "default" | undefined;
}

/** The limits of a queue, that of all its jobs first. */
export async function limitsOf(jobd: Jobd, queue: string): Promise<Limit[]> {
  return (await jobd.limits.list()).filter(({ target, name }) => target === "queue" && name === queue);
}

/** Changes the limits of a queue. */
export async function changeLimits(jobd: Jobd, queue: string, flags: LimitFlags): Promise<void> {
  const { concurrency, rate, keyConcurrency, keyRate } = flags;
  await change(jobd, { queue }, { concurrency, rate });
  await change(jobd, { queue, key: EACH_KEY }, { concurrency: keyConcurrency, rate: keyRate });
}

async function change(
  jobd: Jobd,
  target: { queue: string; key?: string },
  { concurrency, rate }: Pick<LimitFlags, "concurrency" | "rate">,
): Promise<void> {
  if (concurrency === undefined && rate === undefined) return;
  const limits = await limitsOf(jobd, target.queue);
  const before = limits.find(({ key }) => key === (target.key ?? ""))?.settings ?? {};
  const jobs = concurrency === "default" ? undefined : concurrency ?? before.concurrency;
  const starts = rate === "default" ? undefined : rate ?? rateOptions(before);
  if (jobs === undefined && starts === undefined) {
    await jobd.limits.remove(target);
    return;
  }
  await jobd.limits.set({
    ...target,
    ...(jobs === undefined ? {} : { concurrency: jobs }),
    ...(starts === undefined ? {} : { rate: starts }),
  });
}

function rateOptions({ rate }: LimitSettings): RateOptions | undefined {
  return rate === undefined ? undefined : { limit: rate.limit, per: rate.perMs, burst: rate.burst };
}

/** A limit in words: `5 at a time, 100 in 1m`. */
export function limitText({ settings: { concurrency, rate }, pausedAt, key }: Limit): string {
  const words = [
    ...(concurrency === undefined ? [] : [`${concurrency} at a time`]),
    ...(rate === undefined ? [] : [`${rate.limit} in ${formatDuration(rate.perMs)}`]),
    ...(pausedAt === null ? [] : ["paused"]),
  ].join(", ");
  if (key === "") return words;
  return key === EACH_KEY ? `${words}, of each key` : `${words}, of key ${JSON.stringify(key)}`;
}
