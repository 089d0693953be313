// Another program on the same SQLite file: enqueues a job, prints its id, and runs it once it is told to.
import { Jobd } from "../../src/mod.ts";

const [path = ""] = Deno.args;
await using jobd = await Jobd.open(`sqlite:${path}`);
const release = Promise.withResolvers<void>();
await using worker = jobd.worker({
  handlers: {
    async slow() {
      await release.promise;
      return "from another process";
    },
  },
});
await worker.start();
const job = await jobd.enqueue({ type: "slow" });
await print(job.id);
const { value } = await Deno.stdin.readable.getReader().read();
await print(new TextDecoder().decode(value).trim());
release.resolve();
await job.result();

async function print(line: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${line}\n`));
}
