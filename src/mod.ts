/**
 * jobd, a durable job queue on PostgreSQL or SQLite.
 *
 * @module
 */
export { JobdError } from "./domain/errors.ts";
export type { ErrorCode, JobdErrorOptions } from "./domain/errors.ts";
export type { Duration } from "./domain/duration.ts";
export type { Backoff, BackoffOptions, Jitter } from "./domain/backoff.ts";
export type { Execution, ExecutionOutcome, FailureRecord, Job, JobOptions, LogChunk } from "./domain/job.ts";
export type { Json } from "./domain/json.ts";
export type { Outcome } from "./domain/outcome.ts";
export type { Priority } from "./domain/priority.ts";
export type { Queue, QueueSettings, Retention } from "./domain/queue.ts";
export type { JobRequest } from "./domain/request.ts";
export type { FinalState, JobState } from "./domain/states.ts";
export type { JobAction } from "./domain/amendment.ts";
export type { Page, QueueCount, StatRow, StoreFact, WorkerRow } from "./storage/driver.ts";
export type { OpenDriverOptions } from "./storage/open.ts";
export { Directive, discard, fail, snooze } from "./runtime/handler.ts";
export type { FailOptions, Handler, RunContext, StopReason } from "./runtime/handler.ts";
export { Jobd } from "./runtime/jobd.ts";
export type { Enqueued, OpenOptions, Stats } from "./runtime/jobd.ts";
export type { ActionReport, JobFilter, Jobs, LogsOptions, WaitOptions } from "./runtime/jobs.ts";
export type { Queues } from "./runtime/queues.ts";
export { createLogger } from "./runtime/logger.ts";
export type { Logger, LoggerOptions, LogFormat, LogLevel } from "./runtime/logger.ts";
export type { QueueChoice } from "./runtime/queue_order.ts";
export type { Worker, WorkerOptions } from "./runtime/worker.ts";
