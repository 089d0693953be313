// Asks for what only Deno can do, and prints what it is told: one line of JSON for each.
import process from "node:process";
import { defineJob, Jobd, JobdError, type WorkerOptions } from "@jobd/jobd";

const jobd = await Jobd.open("sqlite::memory:", { migrate: true });
const folder = new URL("./", import.meta.url).pathname;
const run = (): string => "never";

await refused({ handlers: { any: run }, isolate: true });
await refused({ handlers: { any: run }, deno: "/usr/bin/deno" });
await refused({ handlers: [defineJob({ type: "alone", permissions: { net: true }, run })] });
await refused({ modules: [`${folder}isolated.ts`] });
await refused({ modules: [`${folder}nothing.ts`] });
await refused({ modules: [`${folder}work.ts`, `${folder}jobs.ts`, `${folder}*.nowhere`] });

// Files whose handlers need no process of their own are loaded like others.
const worker = jobd.worker({ modules: [`${folder}job*.ts`] });
await worker.start();
print({
  types: worker.types.sort(),
  result: await (await jobd.enqueue({ type: "shout", payload: { text: "a" } })).result(),
});
await worker.stop();
await jobd.close();

async function refused(options: WorkerOptions): Promise<void> {
  try {
    await jobd.worker(options).start();
    print("it started");
  } catch (error) {
    if (!(error instanceof JobdError)) throw error;
    print({ code: error.code, message: error.message.replaceAll(folder, ""), hint: error.hint });
  }
}

function print(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
