// deno-lint-ignore-file no-console
// What happens when the same job is enqueued twice. Run it with
//
//     deno run examples/unique.ts
//
// It prints
//
//     report: created, then existing
//     reindex: created, then replaced
//     build: created, then replaced; the first one is cancelled
//     charge: created, then conflict
import { defineJob, Jobd, JobdError } from "@jobd/jobd";

await using jobd = await Jobd.open("sqlite::memory:", { migrate: true });

// At most one report an hour for each user.
const report = defineJob<{ user: number }>({ type: "report", unique: { fields: ["user"], per: "1h" } });
// 30 seconds after the last change, but not later than 5 minutes after the first one.
const reindex = defineJob<{ shop: string }>({
  type: "reindex",
  delay: "30s",
  unique: { key: ({ shop }) => shop, onConflict: "debounce", maxWait: "5m" },
});
// Only the newest build of a branch matters.
const build = defineJob<{ branch: string; commit: string }>({
  type: "build",
  unique: { key: ({ branch }) => branch, onConflict: "cancel" },
});
// Charging twice is a mistake, also when the first charge is done.
const charge = defineJob<{ invoice: number }>({
  type: "charge",
  unique: { fields: ["invoice"], states: ["unfinished", "completed"], onConflict: "fail" },
});

const [first, second] = [await jobd.enqueue(report, { user: 7 }), await jobd.enqueue(report, { user: 7 })];
console.log(`report: ${first.outcome}, then ${second.outcome}`);

const early = await jobd.enqueue(reindex, { shop: "tea" });
const late = await jobd.enqueue(reindex, { shop: "tea" });
console.log(`reindex: ${early.outcome}, then ${late.outcome}`);

const old = await jobd.enqueue(build, { branch: "main", commit: "a1" });
const { outcome, displaced } = await jobd.enqueue(build, { branch: "main", commit: "b2" });
console.log(`build: ${old.outcome}, then ${outcome}; the first one is ${displaced?.state}`);

const charged = await jobd.enqueue(charge, { invoice: 1 });
const again = await jobd.enqueue(charge, { invoice: 1 }).catch((error: unknown) => error);
if (!(again instanceof JobdError)) throw new Error("Charged twice");
console.log(`charge: ${charged.outcome}, then ${again.code}`);
