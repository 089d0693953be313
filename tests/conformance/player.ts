import type { Job, NewJob } from "../../src/domain/job.ts";
import { foldsAt } from "../../src/domain/stat.ts";
import { withFollowUps } from "../../src/domain/transition.ts";
import type { ClaimRequest, Driver } from "../../src/storage/driver.ts";
import { playBatch, refusal } from "./play_batches.ts";
import { playSchedule } from "./play_schedules.ts";
import { type Operation, seen } from "./random_operations.ts";
import { foldAll } from "./stats.ts";
import { by } from "./visible.ts";
import { allJobs, DAY, decideAt, LEASE } from "./world.ts";

/**
 * Plays operations on one store and gives its answers as plain data. It remembers every run and lease it was ever
 * given, in order, so that a number means the same one on each backend, also long after its end: the runs that settle
 * late are as important as the live ones.
 */
export class Player {
  readonly #driver: Driver;
  readonly #runs: Job[] = [];
  readonly #leases: string[] = [];

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** Does it and says what came of it. */
  async play(operation: Operation): Promise<unknown> {
    const driver = this.#driver;
    switch (operation.do) {
      case "insert":
        return await refusal(driver.insert(operation.jobs));
      case "claim":
        return await this.#claim(operation);
      case "saveLimit":
        return await driver.saveLimit(operation.limit, operation.at);
      case "removeLimit":
        return await driver.removeLimit(operation.limit, operation.at);
      case "acquire":
        return await this.#acquire(operation.now);
      case "claimParked":
        return await this.#claimParked(operation);
      case "release": {
        const ids = operation.runs.flatMap((number) => this.#run(number)?.id ?? []);
        return await driver.release(ids, operation.at);
      }
      case "coolDown":
        return await driver.coolDown(operation.gate, operation.until);
      case "settle":
        return await this.#settle(operation);
      case "amend":
        return await this.#amend(operation);
      case "tellChildren":
        return await driver.tellChildren({ now: operation.now, limit: 10_000 });
      case "ripen":
        return await driver.ripen(operation.now, operation.limit);
      case "gather":
        return await this.#gather(operation);
      case "flushGroups": {
        const { key, type, now } = operation;
        return await driver.flushGroups(
          { namespace: "default", key, ...(type === undefined ? {} : { type }) },
          now,
        );
      }
      case "promote":
        return await driver.promote(operation.now, operation.limit);
      case "extend":
        return [
          this.#numbers(await driver.extend(operation.worker, operation.expiresAt)),
          await this.#held(),
        ];
      case "rescue":
        return await this.#rescue(operation);
      case "expire":
        return await this.#expire(operation);
      case "prune":
        return await this.#prune(operation);
      case "pause": {
        const { queue: name, at, paused } = operation;
        return await driver.updateQueue({ namespace: "default", name, at, pausedAt: paused ? at : null });
      }
      case "removeQueue":
        return await driver.removeQueue({ namespace: "default", name: operation.queue }, operation.at);
      case "progress": {
        const run = this.#run(operation.run);
        return run === undefined ? "no run" : await driver.progress(run, { note: operation.note });
      }
      case "step": {
        const { name, value, at } = operation;
        const run = this.#run(operation.run);
        return run === undefined ? "no run" : await driver.saveStep(run, { name, value, at });
      }
      case "ask": {
        const run = this.#run(operation.run);
        return run === undefined ? "no run" : await driver.openWait(run, operation.opening) ?? "over";
      }
      case "forgetWait": {
        const run = this.#run(operation.run);
        return run === undefined ? "no run" : await driver.forgetWait(run, operation.name);
      }
      case "endWaits":
        return await driver.endWaits(operation.now, operation.limit);
      case "log":
        return await this.#log(operation);
      case "stat": {
        const { minute, queue } = operation;
        const row = { minute, namespace: "default", queue, type: "x", outcome: "completed", count: 1 };
        return await driver.addStats([{ ...row, wait: [1, 2], run: [0, 3] }]);
      }
      case "foldStats":
        // All of it, because which rows of a minute come first is each backend's own affair.
        await foldAll(driver, foldsAt(operation.now, 365 * DAY), operation.limit);
        return "done";
      case "addAudit":
        return await driver.addAudit(operation.entry);
      case "audit":
        // Ids and cursors are each backend's own affair.
        return (await driver.audit(operation.query)).items.map(({ id: _, ...entry }) => entry);
      case "pruneAudit":
        return await driver.pruneAudit(operation.before, operation.limit);
      case "publish":
        await driver.publish(operation.events);
        return await driver.eventSpan();
      case "cancelRequests":
        return (await driver.cancelRequests(operation.worker)).sort(by(({ id }) => id));
      case "createBatch":
      case "changeBatch":
      case "tellBatches":
        return await playBatch(driver, operation);
      case "saveSchedule":
      case "pauseSchedule":
      case "removeSchedule":
      case "schedule":
        return await playSchedule(driver, operation);
    }
  }

  /** Some live runs and some old ones. */
  #run(number: number): Job | undefined {
    const recent = this.#runs.slice(-8);
    return recent[number % recent.length];
  }

  /** Places of leases among all that were ever granted. */
  #numbers(leases: string[]): number[] {
    return leases.map((lease) => this.#leases.indexOf(lease)).sort((a, b) => a - b);
  }

  async #claim(operation: Operation & { do: "claim" }): Promise<unknown> {
    const { leaseId, jobs } = await this.#driver.claim(requestOf(operation));
    if (leaseId !== null) this.#leases.push(leaseId);
    this.#runs.push(...jobs);
    return jobs.map((job) => ({ ...job, leaseId: job.leaseId === leaseId ? "its own" : "another" }));
  }

  /** The jobs of the latest claim, whatever has become of them. */
  async #acquire(now: number): Promise<unknown> {
    const leaseId = this.#leases.at(-1);
    if (leaseId === undefined) return "no lease";
    const runs = this.#runs.filter((job) => job.leaseId === leaseId).map(({ id, attempt }) => ({
      id,
      attempt,
    }));
    return await this.#driver.acquire({ namespace: "default", leaseId, runs, now });
  }

  /** For the jobs of the latest claim, whatever has become of them. */
  async #gather({ now, apart }: Operation & { do: "gather" }): Promise<unknown> {
    const leaseId = this.#leases.at(-1);
    if (leaseId === undefined) return "no lease";
    const runs = this.#runs.filter((job) => job.leaseId === leaseId && job.options.group !== undefined)
      .map(({ id, attempt }) => ({ id, attempt }));
    const request = { leaseId, runs, apart, now };
    const gathered = await this.#driver.gather(request);
    const known = new Set(this.#runs.map(({ id, attempt }) => `${id} ${attempt}`));
    const started = gathered.flatMap(({ jobs }) => jobs).filter((job) =>
      !known.has(`${job.id} ${job.attempt}`)
    );
    this.#runs.push(...started);
    return gathered.map(({ runs, jobs }) => [runs, jobs.map((job) => ({ ...job, leaseId: "its own" }))]);
  }

  async #claimParked(operation: Operation & { do: "claimParked" }): Promise<unknown> {
    const { leaseId, jobs, nextOpenAt } = await this.#driver.claimParked(requestOf(operation));
    if (leaseId !== null) this.#leases.push(leaseId);
    this.#runs.push(...jobs);
    return [
      jobs.map((job) => ({ ...job, leaseId: job.leaseId === leaseId ? "its own" : "another" })),
      nextOpenAt,
    ];
  }

  async #settle({ ends, close, at }: Operation & { do: "settle" }): Promise<unknown> {
    // A run once in a batch, as a worker does it.
    const byRun = new Map(ends.map((end) => [this.#run(end.run), end]));
    const transitions = [...byRun].flatMap(([job, { outcome, followUps }]) =>
      job === undefined
        ? []
        : [withFollowUps(decideAt(job, outcome, at), followUps.map((added) => inBatchOf(job, added)))]
    );
    // Only leases whose jobs have all ended may be closed, as a worker does it.
    const running = new Set((await allJobs(this.#driver, { states: ["running"] })).map((job) => job.leaseId));
    const done = this.#leases.filter((lease) => !running.has(lease));
    return await this.#driver.settle({
      transitions,
      close: close.flatMap((number) => done[number % Math.max(1, done.length)] ?? []),
    });
  }

  async #amend({ changes, at }: Operation & { do: "amend" }): Promise<unknown> {
    const jobs = (await allJobs(this.#driver)).sort(by(({ id }) => id));
    if (jobs.length === 0) return "no jobs";
    const amendments = changes.map(({ job, stale, change }) => ({
      ...seen(jobs[job % jobs.length] as Job, stale),
      at,
      change,
    }));
    return await this.#driver.amend(amendments);
  }

  /** The leases that were granted last, as far as they still exist. */
  async #held(): Promise<unknown> {
    const leases = this.#leases.slice(-3);
    const held = await this.#driver.orphans({ now: 0, workers: [], leases, limit: 10 });
    return held.map(({ leaseId, worker, expiresAt, jobs }) => [
      this.#leases.indexOf(leaseId),
      worker,
      expiresAt,
      jobs.map(({ id, attempt }) => `${id} ${attempt}`).sort(),
    ]).sort(by(([place]) => String(place)));
  }

  async #rescue({ now, workers, renewed }: Operation & { do: "rescue" }): Promise<unknown> {
    const orphans = await this.#driver.orphans({ now, workers, limit: 100 });
    const answers: unknown[] = [];
    for (
      const orphan of orphans.sort((a, b) =>
        this.#leases.indexOf(a.leaseId) - this.#leases.indexOf(b.leaseId)
      )
    ) {
      const { leaseId, worker, expiresAt } = orphan;
      const jobs = orphan.jobs.sort(by(({ id }) => id));
      if (renewed) await this.#driver.extend(worker, now + LEASE);
      const results = await this.#driver.settle({
        transitions: jobs.map((job) => decideAt(job, { kind: "lost", message: "gone" }, now)),
        close: [leaseId],
        rescue: { leaseId, expiresAt },
      });
      answers.push([this.#leases.indexOf(leaseId), worker, expiresAt, jobs.map(({ id }) => id), results]);
    }
    return answers;
  }

  async #expire({ now, limit }: Operation & { do: "expire" }): Promise<unknown> {
    const jobs = (await this.#driver.overdue(now, limit)).sort(by(({ id }) => id));
    const amendments = jobs.map((job) => ({
      ...seen(job, false),
      at: now,
      change: { kind: "expire" } as const,
    }));
    return [jobs, await this.#driver.amend(amendments)];
  }

  /** A whole walk, because each backend cuts it into steps of its own. */
  async #prune({ now, limit, retention, events }: Operation & { do: "prune" }): Promise<unknown> {
    let deleted = 0;
    let cursor: string | undefined;
    do {
      const step = await this.#driver.prune({
        now,
        limit,
        retention,
        events,
        ...(cursor === undefined ? {} : { cursor }),
      });
      deleted += step.deleted;
      cursor = step.cursor;
    } while (cursor !== undefined);
    return deleted;
  }

  async #log({ run, seq, drop, at }: Operation & { do: "log" }): Promise<unknown> {
    const job = this.#run(run);
    if (job === undefined) return "no run";
    const chunk = { seq, at, stream: "stdout", offset: seq * 10, text: `chunk ${seq}` } as const;
    const { id, attempt } = job;
    await this.#driver.appendLogs([{
      id,
      attempt,
      chunks: [chunk],
      ...(drop ? { drop: { from: 0, to: 3 } } : {}),
    }]);
    return "written";
  }
}

function requestOf(
  { do: _, ageing, now, ...wanted }: Operation & { do: "claim" | "claimParked" },
): ClaimRequest {
  return { ...wanted, namespace: "default", ageing: new Map(ageing), now, expiresAt: now + LEASE };
}

/** An attempt adds jobs to its own batch. */
function inBatchOf({ options: { batch } }: Job, added: NewJob): NewJob {
  return batch === undefined ? added : { ...added, options: { ...added.options, batch } };
}
