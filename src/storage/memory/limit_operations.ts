import type { Limit, LimitName } from "../../domain/limit.ts";
import type { AcquireRequest, AcquireResult, ClaimRequest, ClaimResult } from "../driver.ts";
import { MemoryEvents } from "./event_operations.ts";
import { acquire, claimParked, coolDown, listLimits, release, removeLimit, saveLimit } from "./limits.ts";

/** The operations about limits. */
export abstract class MemoryLimits extends MemoryEvents {
  limits(namespace: string): Promise<Limit[]> {
    return this.run(() => listLimits(this.tables, namespace));
  }

  saveLimit(limit: Limit, at: number): Promise<Limit> {
    return this.run(() => {
      const saved = saveLimit(this.tables, limit, at);
      this.wake("any");
      return saved;
    });
  }

  removeLimit(name: LimitName, at: number): Promise<boolean> {
    return this.run(() => {
      const removed = removeLimit(this.tables, name, at);
      this.wake("any");
      return removed;
    });
  }

  acquire(request: AcquireRequest): Promise<AcquireResult[]> {
    return this.run(() => acquire(this.tables, request));
  }

  claimParked(request: ClaimRequest): Promise<ClaimResult> {
    return this.run(() => claimParked(this.tables, request));
  }

  release(jobIds: string[], at: number): Promise<boolean> {
    return this.run(() => {
      const waiting = release(this.tables, jobIds, at);
      if (waiting) this.wake("available");
      return waiting;
    });
  }

  coolDown(gate: LimitName, until: number): Promise<void> {
    return this.run(() => coolDown(this.tables, gate, until));
  }
}
