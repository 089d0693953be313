import { ageingChapter } from "./ageing.ts";
import { amendChapter } from "./amend.ts";
import { auditChapter } from "./audit.ts";
import { batchesChapter } from "./batches.ts";
import { cancelChapter } from "./cancel.ts";
import { claimChapter } from "./claim.ts";
import { countsChapter } from "./counts.ts";
import { dependenciesChapter } from "./dependencies.ts";
import { encryptionChapter } from "./encryption.ts";
import { eventsChapter } from "./events.ts";
import { executionsChapter } from "./executions.ts";
import { groupsChapter } from "./groups.ts";
import { groupMixesChapter } from "./group_mixes.ts";
import { insertChapter } from "./insert.ts";
import { jsonChapter } from "./json.ts";
import { leasesChapter } from "./leases.ts";
import { limitsChapter } from "./limits.ts";
import { limitsRacesChapter } from "./limits_races.ts";
import { listChapter } from "./list.ts";
import { logsChapter } from "./logs.ts";
import { namespacesChapter } from "./namespaces.ts";
import { promoteChapter } from "./promote.ts";
import { pruneChapter } from "./prune.ts";
import { queuesChapter } from "./queues.ts";
import { redactionChapter } from "./redaction.ts";
import { schedulesChapter } from "./schedules.ts";
import { settleChapter } from "./settle.ts";
import { statsChapter } from "./stats.ts";
import type { OpenStore } from "./store.ts";
import { stepsChapter } from "./steps.ts";
import { storeChapter } from "./store_itself.ts";
import { tokensChapter } from "./tokens.ts";
import { typesChapter } from "./types_filter.ts";
import { uniqueChapter } from "./unique.ts";
import { uniqueConflictsChapter } from "./unique_conflicts.ts";
import { uniquePoliciesChapter } from "./unique_policies.ts";
import { uniqueRacesChapter } from "./unique_races.ts";
import { updateChapter } from "./update.ts";
import { waitsChapter } from "./waits.ts";
import { waitsRacesChapter } from "./waits_races.ts";
import { wakeChapter } from "./wake.ts";
import { workersChapter } from "./workers.ts";
import { type Chapter, World } from "./world.ts";

const CHAPTERS: Record<string, Chapter> = {
  insert: insertChapter,
  json: jsonChapter,
  unique: uniqueChapter,
  "unique policies": uniquePoliciesChapter,
  "unique conflicts": uniqueConflictsChapter,
  "unique races": uniqueRacesChapter,
  claim: claimChapter,
  ageing: ageingChapter,
  types: typesChapter,
  settle: settleChapter,
  cancel: cancelChapter,
  leases: leasesChapter,
  promote: promoteChapter,
  amend: amendChapter,
  list: listChapter,
  executions: executionsChapter,
  logs: logsChapter,
  steps: stepsChapter,
  queues: queuesChapter,
  namespaces: namespacesChapter,
  limits: limitsChapter,
  "limits races": limitsRacesChapter,
  update: updateChapter,
  dependencies: dependenciesChapter,
  batches: batchesChapter,
  waits: waitsChapter,
  "waits races": waitsRacesChapter,
  redaction: redactionChapter,
  groups: groupsChapter,
  "groups with others": groupMixesChapter,
  counts: countsChapter,
  prune: pruneChapter,
  workers: workersChapter,
  stats: statsChapter,
  tokens: tokensChapter,
  audit: auditChapter,
  events: eventsChapter,
  schedules: schedulesChapter,
  encryption: encryptionChapter,
  "wake-ups": wakeChapter,
  store: storeChapter,
};

/** Registers the whole suite for one backend: what each method of the driver means, the same for all. */
export function conformance(name: string, open: OpenStore): void {
  for (const [chapter, tests] of Object.entries(CHAPTERS)) {
    for (const [title, body] of Object.entries(tests)) {
      Deno.test(`${name}: ${chapter}: ${title}`, async () => {
        await using store = await open();
        await body(new World(store));
      });
    }
  }
}
