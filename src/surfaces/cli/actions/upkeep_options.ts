import type { RemoteWorkerDefaults } from "../../../runtime/remote/options.ts";
import type { UpkeepOptions } from "../../../runtime/worker_options.ts";
import type { SettingValues } from "../../config/settings.ts";

/** How the store is looked after, by workers and without them. */
export function upkeepOptions(values: SettingValues): Omit<UpkeepOptions, "log"> {
  return {
    pollIntervalMs: values.workerPollInterval,
    leaseMs: values.workerLease,
    backoff: backoff(values),
    retention: {
      completed: values.retentionCompleted,
      cancelled: values.retentionCancelled,
      expired: values.retentionExpired,
      dead: values.retentionDead,
    },
    auditRetentionMs: values.retentionAudit,
    statsRetentionMs: values.retentionStats,
  };
}

/** What holds for jobs of workers elsewhere: the same as for those of this program. */
export function remoteWorkers(values: SettingValues): RemoteWorkerDefaults {
  return {
    pollIntervalMs: values.workerPollInterval,
    leaseMs: values.workerLease,
    timeoutMs: values.jobDefaultTimeout,
    backoff: backoff(values),
  };
}

function backoff({ backoffBase: baseMs, backoffMax: maxMs, backoffJitter: jitter }: SettingValues) {
  return { baseMs, maxMs, jitter };
}
