import { ENDINGS, type EventKind, type Interest, type NewEvent, wants } from "../../domain/event.ts";
import {
  amendedEvent,
  blockedEvent,
  cancelledEvent,
  endedEvent,
  enqueuedEvent,
  progressEvent,
  resumedEvent,
  startedEvent,
} from "../../domain/job_events.ts";
import { hasEnded } from "../../domain/batch.ts";
import { batchEvent } from "../../domain/batch_events.ts";
import { blockedBy } from "../../domain/wait.ts";
import type { Job, NewJob } from "../../domain/job.ts";
import { isFinal, type JobState } from "../../domain/states.ts";
import type { Driver, InsertResult, QueueChange } from "../../storage/driver.ts";
import { changeEvent } from "../../domain/schedule_events.ts";
import { followUpsOf } from "../../storage/follow_ups.ts";
import type { Publisher } from "./publisher.ts";

/** Who hears in this process at once, without the store, that jobs (or batches) have ended. */
export interface Endings {
  /** Whether anybody waits. */
  readonly size: number;
  /** The one with this id has ended. */
  ended(id: string): void;
}

/** {@linkcode Endings} of jobs, and of batches. */
export interface AllEndings {
  /** Of jobs. */
  jobs: Endings;
  /** Of batches. */
  batches: Endings;
}

/**
 * The same store, where each change to a job or queue is told to those who watch, once it is made. All changes go through
 * the driver, whoever makes them, so this is the one place where events begin.
 *
 * What is inserted within a transaction of a caller is not told: whether it is committed is known to the caller alone.
 */
export function toldDriver(
  driver: Driver,
  publisher: Publisher,
  { jobs: endings, batches: batchEndings }: AllEndings,
  now: () => number,
): Driver {
  const told: Partial<Driver> = {
    async insert(jobs) {
      const results = await driver.insert(jobs);
      const made = madeOf(jobs, results);
      for (const { job, state } of made) if (isFinal(state)) endings.ended(job.id);
      const gone = results.flatMap(({ displaced }) => displaced?.state === "cancelled" ? [displaced.id] : []);
      for (const id of gone) endings.ended(id);
      publisher.tell(() => made.map(({ job, state }) => enqueuedEvent(job, state)));
      if (gone.length > 0) publisher.tell((wanted) => cancelledEvents(wanted, gone));
      return results;
    },
    async claim(request) {
      const result = await driver.claim(request);
      if (result.jobs.length > 0) {
        publisher.tell(() => result.jobs.map((job) => startedEvent(job, request.now)));
      }
      return result;
    },
    async claimParked(request) {
      const result = await driver.claimParked(request);
      if (result.jobs.length > 0) {
        publisher.tell(() => result.jobs.map((job) => startedEvent(job, request.now)));
      }
      return result;
    },
    async gather(request) {
      const gathered = await driver.gather(request);
      const jobs = gathered.flatMap((group) => group.jobs);
      if (jobs.length > 0) publisher.tell(() => jobs.map((job) => startedEvent(job, request.now)));
      return gathered;
    },
    async tellChildren(request) {
      const told = await driver.tellChildren(request);
      const { cancelled } = told;
      for (const id of cancelled) endings.ended(id);
      if (cancelled.length > 0) publisher.tell((wanted) => cancelledEvents(wanted, cancelled));
      return told;
    },
    async createBatch(given, jobs) {
      const created = await driver.createBatch(given, jobs);
      const { outcome, batch } = created;
      const made = madeOf(jobs, created.jobs);
      for (const { job, state } of made) if (isFinal(state)) endings.ended(job.id);
      publisher.tell(() => [
        ...(outcome === "created" ? [batchEvent("created", batch, batch.createdAt)] : []),
        ...made.map(({ job, state }) => enqueuedEvent(job, state)),
      ]);
      return created;
    },
    async changeBatch(change) {
      const batch = await driver.changeBatch(change);
      if (change.change === "seal" && batch?.sealedAt === change.at) {
        publisher.tell(() => [batchEvent("sealed", batch, change.at)]);
      }
      return batch;
    },
    async tellBatches(request) {
      const told = await driver.tellBatches(request);
      const { turns, callbacks } = told;
      for (const { batch } of turns) if (hasEnded(batch)) batchEndings.ended(batch.id);
      if (turns.length > 0) {
        publisher.tell(() => [
          ...turns.map(({ turn, batch }) => batchEvent(turn, batch, request.now)),
          ...callbacks.map(({ job, result: { state } }) => enqueuedEvent(job, state)),
        ]);
      }
      return told;
    },
    async endWaits(now, limit) {
      const ended = await driver.endWaits(now, limit);
      if (ended.released.length > 0) {
        publisher.tell(async (wanted) => {
          if (!isWanted(wanted, ["job.resumed"])) return [];
          return [...(await jobsOf(ended.released)).values()].map((job) => resumedEvent(job, now));
        });
      }
      return ended;
    },
    async acquire(request) {
      const results = await driver.acquire(request);
      const parked = request.runs.filter((_, at) => results[at] === "parked").map(({ id }) => id);
      if (parked.length > 0) {
        publisher.tell(async (wanted) => {
          if (!isWanted(wanted, ["job.blocked"])) return [];
          return [...(await jobsOf(parked)).values()].map((job) => blockedEvent(job, request.now));
        });
      }
      return results;
    },
    async settle(batch) {
      const { transitions, rescue } = batch;
      const results = await driver.settle(batch);
      const applied = transitions.filter((_, at) => results[at] === "applied");
      if (endings.size > 0) { for (const { id } of applied) endings.ended(id); }
      if (applied.length > 0) {
        publisher.tell(async (wanted) => [
          ...applied.map((transition) => endedEvent(transition, rescue !== undefined)),
          ...await followUps(wanted),
        ]);
      }
      return results;

      /** Some may have been there already, so what exists now is looked at. */
      async function followUps(wanted: Interest[]): Promise<NewEvent[]> {
        const inserted = followUpsOf(transitions, results);
        if (inserted.length === 0 || !isWanted(wanted, ["job.enqueued"])) return [];
        const exist = new Map((await driver.get(inserted.map(({ id }) => id))).map((job) => [job.id, job]));
        return inserted.flatMap((job) => {
          const now = exist.get(job.id);
          if (now === undefined) return [];
          const waits = job.runAt > job.createdAt ? "scheduled" : "available";
          return [enqueuedEvent(job, ["jobs", "group"].includes(blockedBy(now) ?? "") ? "blocked" : waits)];
        });
      }
    },
    async amend(amendments) {
      // Looked at before, because a job that is deleted cannot be looked at afterwards.
      const known = isWanted(await publisher.wanted(), [...ENDINGS, "job.requeued", "job.resumed"])
        ? await jobsOf(amendments.map(({ id }) => id))
        : new Map<string, Job>();
      const results = await driver.amend(amendments);
      const applied = amendments.filter((_, at) => results[at] === "applied");
      if (endings.size > 0) { for (const { id } of applied) endings.ended(id); }
      if (known.size > 0) {
        publisher.tell(() =>
          applied.flatMap((amendment) => {
            const job = known.get(amendment.id);
            return job === undefined ? [] : amendedEvent(job, amendment) ?? [];
          })
        );
      }
      return results;
    },
    async progress(run, note) {
      const live = await driver.progress(run, note);
      if (live) {
        publisher.tell(async (wanted) => {
          if (!isWanted(wanted, ["job.progress"])) return [];
          return (await driver.get([run.id])).map((job) => progressEvent(job, now()));
        });
      }
      return live;
    },
    async saveSchedule(save) {
      const wanted = await publisher.wanted();
      return await driver.saveSchedule({ ...save, events: wantedOf(wanted, save.events) });
    },
    async removeSchedule(name) {
      const removed = await driver.removeSchedule(name);
      if (removed) publisher.tell(() => [changeEvent("schedule.deleted", name, { at: now() })]);
      return removed;
    },
    async commitTicks(commits) {
      // A tick that makes no job is stored for those who come later, too: its event is all that there is of it.
      const durable = (event: NewEvent): boolean =>
        event.kind === "schedule.tick" && !("startedJob" in event);
      const wanted = await publisher.wanted();
      const results = await driver.commitTicks(commits.map((commit) => ({
        ...commit,
        events: commit.events.filter((event) => durable(event) || wantedOf(wanted, [event]).length > 0),
      })));
      const made = commits.flatMap(({ jobs }, at) => madeOf(jobs, results[at]?.jobs ?? []));
      if (made.length > 0) publisher.tell(() => made.map(({ job, state }) => enqueuedEvent(job, state)));
      return results;
    },
    async updateQueue(change) {
      const queue = await driver.updateQueue(change);
      publisher.tell(() => queueEvents(change));
      return queue;
    },
    async removeQueue(queue, at) {
      const removed = await driver.removeQueue(queue, at);
      if (removed) {
        const { namespace, name } = queue;
        publisher.tell(() => [{ kind: "queue.deleted", at, namespace, queue: name }]);
      }
      return removed;
    },
  };
  return new Proxy(driver, {
    get(target, name) {
      const member: unknown = Reflect.get(told, name) ?? Reflect.get(target, name, target);
      // Methods of a driver reach its private parts, which a proxy does not have.
      return typeof member === "function" && !Reflect.has(told, name) ? member.bind(target) : member;
    },
  });

  /** Jobs that have lost their unique keys to others. */
  async function cancelledEvents(wanted: Interest[], ids: string[]): Promise<NewEvent[]> {
    if (ids.length === 0 || !isWanted(wanted, ["job.cancelled"])) return [];
    return [...(await jobsOf(ids)).values()].map(cancelledEvent);
  }

  async function jobsOf(ids: string[]): Promise<Map<string, Job>> {
    return new Map((await driver.get(ids)).map((job) => [job.id, job]));
  }
}

/** Of jobs that were to be inserted those that now exist because of that, with their states. */
function madeOf(
  jobs: readonly NewJob[],
  results: readonly InsertResult[],
): { job: NewJob; state: JobState }[] {
  return jobs.flatMap((job, at) => {
    const result = results[at];
    return result?.id === job.id && result.outcome !== "existing" ? [{ job, state: result.state }] : [];
  });
}

/** Of events that are stored together with what they tell of, those that somebody wants. */
function wantedOf(wanted: Interest[], events: NewEvent[]): NewEvent[] {
  return events.filter((event) => wanted.some((interest) => wants(interest, event)));
}

function isWanted(wanted: Interest[], kinds: EventKind[]): boolean {
  return wanted.some((interest) => interest.kinds.some((kind) => kinds.includes(kind)));
}

function queueEvents({ namespace, name: queue, at, settings, pausedAt }: QueueChange): NewEvent[] {
  const base = { at, namespace, queue };
  return [
    ...(settings === undefined ? [] : [{ ...base, kind: "queue.updated" as const }]),
    ...(pausedAt === undefined
      ? []
      : [{ ...base, kind: pausedAt === null ? "queue.resumed" as const : "queue.paused" as const }]),
  ];
}
