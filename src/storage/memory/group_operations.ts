import type { Job } from "../../domain/job.ts";
import type {
  Gathered,
  GatherRequest,
  GroupJobsQuery,
  GroupQuery,
  GroupRow,
  GroupStore,
  Ripened,
} from "../group_store.ts";
import { flushGroups, gather, groupJobs, listGroups, ripen } from "./groups.ts";
import { MemoryLimits } from "./limit_operations.ts";
import { copy } from "./tables.ts";

/** The operations about groups. */
export abstract class MemoryGroups extends MemoryLimits implements GroupStore {
  ripen(now: number, limit: number): Promise<Ripened> {
    return this.run(() => {
      const result = ripen(this.tables, now, limit);
      if (result.ripened > 0) this.wake("any");
      return result;
    });
  }

  gather(request: GatherRequest): Promise<Gathered[]> {
    return this.run(() => {
      if (request.apart.length > 0) this.wake("available");
      return gather(this.tables, request);
    });
  }

  groups(query: GroupQuery): Promise<GroupRow[]> {
    return this.run(() => copy(listGroups(this.tables, query)));
  }

  groupJobs(query: GroupJobsQuery): Promise<Job[]> {
    return this.run(() => groupJobs(this.tables, query));
  }

  flushGroups(query: Omit<GroupJobsQuery, "limit">, now: number): Promise<number> {
    return this.run(() => {
      const flushed = flushGroups(this.tables, query, now);
      if (flushed > 0) this.wake("scheduled");
      return flushed;
    });
  }
}
