import type { Run } from "../../domain/transition.ts";
import type { JobWait, WaitOpening } from "../../domain/wait.ts";
import type { EndedWaits, WaitStore } from "../wait_store.ts";
import { MemoryBatches } from "./batch_operations.ts";
import { compareText, copy } from "./tables.ts";
import { endWaits, forgetWait, openWait } from "./waits.ts";

/** The operations about what handlers wait for. */
export abstract class MemoryWaits extends MemoryBatches implements WaitStore {
  readonly #secret = crypto.randomUUID() + crypto.randomUUID();

  openWait(run: Run, opening: WaitOpening): Promise<JobWait | undefined> {
    return this.run(() => {
      const wait = openWait(this.tables, run, opening);
      return wait === undefined ? undefined : copy(wait);
    });
  }

  forgetWait(run: Run, name: string): Promise<boolean> {
    return this.run(() => forgetWait(this.tables, run, name));
  }

  waits(jobId: string): Promise<JobWait[]> {
    return this.run(() =>
      copy([...this.tables.waits.get(jobId)?.values() ?? []]).sort((a, b) => compareText(a.name, b.name))
    );
  }

  endWaits(now: number, limit: number): Promise<EndedWaits> {
    return this.run(() => {
      const ended = endWaits(this.tables, now, limit);
      if (ended.released.length > 0) this.wake("any");
      return ended;
    });
  }

  secret(): Promise<string> {
    return this.run(() => this.#secret);
  }
}
