import type { Clock } from "../domain/clock.ts";
import { DEFAULT_QUEUE } from "../domain/names.ts";
import type { JobRequest, RequestContext } from "../domain/request.ts";
import type { Driver } from "../storage/driver.ts";
import { QueueSettingsCache } from "./queue_settings.ts";

/** What queues say about new jobs that leave it to them; a request may be for another namespace than its program. */
export class QueueDefaults {
  readonly #options: { driver: Driver; clock: Clock; namespace: string };
  readonly #namespaces = new Map<string, QueueSettingsCache>();

  /** `namespace`: of requests that name none. */
  constructor(options: { driver: Driver; clock: Clock; namespace: string }) {
    this.#options = options;
  }

  /** Reads what these requests need, unless that happened a moment ago. */
  async refresh(requests: readonly JobRequest[]): Promise<void> {
    const namespaces = new Set(requests.filter(leavesToQueue).map((request) => this.#namespaceOf(request)));
    await Promise.all([...namespaces].map((namespace) => this.#settings(namespace).refresh()));
  }

  /** What its queue says about a job, as it was last read. */
  of(request: JobRequest): Partial<Pick<RequestContext, "maxAttempts" | "priority" | "ttlMs">> {
    const { maxAttempts, priority, ttlMs } = this.#settings(this.#namespaceOf(request)).of(
      request?.queue ?? DEFAULT_QUEUE,
    );
    return {
      ...(maxAttempts === undefined ? {} : { maxAttempts }),
      ...(priority === undefined ? {} : { priority }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    };
  }

  #namespaceOf(request: JobRequest): string {
    return request?.namespace ?? this.#options.namespace;
  }

  #settings(namespace: string): QueueSettingsCache {
    let settings = this.#namespaces.get(namespace);
    if (settings === undefined) {
      settings = new QueueSettingsCache({ ...this.#options, namespace });
      this.#namespaces.set(namespace, settings);
    }
    return settings;
  }
}

function leavesToQueue(request: JobRequest): boolean {
  return request?.maxAttempts === undefined || request.ttl === undefined || request.priority === undefined;
}
