import { ABOUT_OPERATIONS } from "./about.ts";
import { AUDIT_OPERATIONS } from "./audit.ts";
import { BATCH_OPERATIONS } from "./batches.ts";
import { DEAD_OPERATIONS } from "./dead.ts";
import { EVENT_OPERATIONS } from "./events.ts";
import { FACT_OPERATIONS } from "./facts.ts";
import { GROUP_OPERATIONS } from "./groups.ts";
import { JOB_ACTION_OPERATIONS } from "./job_actions.ts";
import { JOB_OPERATIONS } from "./jobs.ts";
import { LEASE_OPERATIONS } from "./leases.ts";
import { NAMESPACE_OPERATIONS } from "./namespaces.ts";
import type { Operation } from "./operation.ts";
import { QUEUE_OPERATIONS } from "./queues.ts";
import { SCHEDULE_OPERATIONS } from "./schedules.ts";
import { SERIES_OPERATIONS } from "./series.ts";
import { WAIT_OPERATIONS } from "./waits.ts";

/**
 * Everything that can be asked of jobd from outside its process. The order matters for paths: `/schedules/events` stands
 * before `/schedules/{name}`.
 */
export const OPERATIONS: readonly Operation[] = [
  ...JOB_ACTION_OPERATIONS,
  ...JOB_OPERATIONS,
  ...WAIT_OPERATIONS,
  ...LEASE_OPERATIONS,
  ...QUEUE_OPERATIONS,
  ...DEAD_OPERATIONS,
  ...BATCH_OPERATIONS,
  ...GROUP_OPERATIONS,
  ...EVENT_OPERATIONS,
  ...SCHEDULE_OPERATIONS,
  ...FACT_OPERATIONS,
  ...NAMESPACE_OPERATIONS,
  ...SERIES_OPERATIONS,
  ...AUDIT_OPERATIONS,
  ...ABOUT_OPERATIONS,
];
