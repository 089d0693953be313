import { BACKENDS } from "../e2e/fleet.ts";
import { SHORT, Siege } from "../e2e/limit_siege.ts";

const TIMES = 12;

for (const backend of BACKENDS) {
  Deno.test(`${backend}: limits hold through ${TIMES * SHORT[backend].length} kills, freezes and partitions of six daemons`, async () => {
    await using siege = await Siege.of(backend, 6);
    await siege.rounds(SHORT[backend], { times: TIMES, jobs: 60 });
    await siege.check();
    await siege.checkCapacity();
  });
}
