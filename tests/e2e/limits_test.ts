import { BACKENDS } from "./fleet.ts";
import { SHORT, Siege } from "./limit_siege.ts";

for (const backend of BACKENDS) {
  Deno.test(`${backend}: limits hold while daemons are killed, frozen and cut off, and none of their places is lost`, async () => {
    await using siege = await Siege.of(backend, 3);
    await siege.rounds(SHORT[backend], { times: 1, jobs: 30 });
    await siege.check();
    await siege.checkCapacity();
  });
}
