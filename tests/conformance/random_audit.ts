import { type NewAuditEntry, SURFACES } from "../../src/domain/audit.ts";
import type { Operation } from "./random_operations.ts";
import type { Chance } from "./random_batches.ts";
import { MINUTE } from "./world.ts";

const OPERATIONS = ["jobs.cancel", "jobs.retry", "queues.pause"];
const NAMES = ["ada", "Ünïcode", null];

/** Something with the audit log. */
export function auditOperation({ pick, chance }: Chance, now: number): Operation {
  if (chance(0.6)) return { do: "addAudit", entry: entry({ pick, chance }, now) };
  if (chance(0.2)) return { do: "pruneAudit", before: now - MINUTE, limit: pick([1, 3, 100]) };
  return {
    do: "audit",
    query: {
      namespace: "default",
      limit: pick([1, 5, 100]),
      ...(chance(0.3) ? { operation: pick([...OPERATIONS, "jobs.*"]) } : {}),
      ...(chance(0.3) ? { actor: pick(["ada", "Ünïcode", "nobody"]) } : {}),
      ...(chance(0.3) ? { surface: pick(SURFACES) } : {}),
      ...(chance(0.3) ? { done: chance(0.5) } : {}),
      ...(chance(0.3) ? { from: now - MINUTE } : {}),
      ...(chance(0.2) ? { to: now } : {}),
    },
  };
}

function entry({ pick, chance }: Pick<Chance, "pick" | "chance">, at: number): NewAuditEntry {
  const failed = chance(0.3);
  return {
    at,
    namespace: "default",
    operation: pick(OPERATIONS),
    outcome: failed ? "conflict" : "done",
    surface: pick(SURFACES),
    token: chance(0.5) ? "ada" : null,
    name: pick(NAMES),
    role: chance(0.5) ? "operate" : null,
    address: null,
    requestId: null,
    input: { which: [] },
    before: chance(0.5) ? { x: 1 } : null,
    result: failed ? {} : { succeeded: 1 },
    error: failed ? "no" : null,
  };
}
