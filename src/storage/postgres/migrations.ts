import jobs from "../../../migrations/postgres/0001_jobs.sql" with { type: "text" };
import steps from "../../../migrations/postgres/0002_steps.sql" with { type: "text" };
import limits from "../../../migrations/postgres/0003_limits.sql" with { type: "text" };
import events from "../../../migrations/postgres/0004_events.sql" with { type: "text" };
import dependencies from "../../../migrations/postgres/0005_dependencies.sql" with { type: "text" };
import enqueueFunction from "../../../migrations/postgres/0006_enqueue_function.sql" with { type: "text" };
import schedules from "../../../migrations/postgres/0007_schedules.sql" with { type: "text" };
import tokens from "../../../migrations/postgres/0008_tokens.sql" with { type: "text" };
import batches from "../../../migrations/postgres/0009_batches.sql" with { type: "text" };
import waits from "../../../migrations/postgres/0010_waits.sql" with { type: "text" };
import queues from "../../../migrations/postgres/0011_queues.sql" with { type: "text" };
import groups from "../../../migrations/postgres/0012_groups.sql" with { type: "text" };
import audit from "../../../migrations/postgres/0013_audit.sql" with { type: "text" };
import statSteps from "../../../migrations/postgres/0014_stat_steps.sql" with { type: "text" };
import type { Migration } from "../sql/migrations.ts";

/** The schema's history. */
export const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: "jobs", sql: jobs },
  { number: 2, name: "steps", sql: steps },
  { number: 3, name: "limits", sql: limits },
  { number: 4, name: "events", sql: events },
  { number: 5, name: "dependencies", sql: dependencies },
  { number: 6, name: "enqueue_function", sql: enqueueFunction },
  { number: 7, name: "schedules", sql: schedules },
  { number: 8, name: "tokens", sql: tokens },
  { number: 9, name: "batches", sql: batches },
  { number: 10, name: "waits", sql: waits },
  { number: 11, name: "queues", sql: queues },
  { number: 12, name: "groups", sql: groups },
  { number: 13, name: "audit", sql: audit },
  { number: 14, name: "stat_steps", sql: statSteps },
];
