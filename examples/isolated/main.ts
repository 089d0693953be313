// deno-lint-ignore-file no-console
// Handlers in processes of their own: with just the rights they name, and an end that does not depend on them. Run it with
//
//     deno run --allow-read=. --allow-run examples/isolated/main.ts
//
// It prints
//
//     2 files
//     permission_denied
//     timeout
import { Jobd } from "@jobd/jobd";
import { countFiles, loop } from "./jobs.ts";

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });
await using worker = jobd.worker({ modules: ["examples/isolated/jobs.ts"] });
await worker.start();

const own = await jobd.enqueue(countFiles, { folder: "examples/isolated" });
console.log(`${await own.result({ timeout: "30s" })} files`);

const others = await jobd.enqueue(countFiles, { folder: "/etc" });
console.log((await jobd.jobs.wait(others.id)).error?.code);

const endless = await jobd.enqueue(loop, null);
console.log((await jobd.jobs.wait(endless.id)).error?.code);
