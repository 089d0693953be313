/**
 * Numbers in [0, 1) that follow from a seed (a linear congruential generator). The seed is printed, so that the same
 * choices can be made again: JOBD_SEED names it.
 */
export function chance(seed = Number(Deno.env.get("JOBD_SEED") ?? Date.now()) >>> 0): () => number {
  Deno.stderr.writeSync(new TextEncoder().encode(`seed ${seed}\n`));
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Lets real time pass. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
