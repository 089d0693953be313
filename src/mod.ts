/**
 * jobd, a durable job queue on PostgreSQL or SQLite.
 *
 * @module
 */
export { JobdError } from "./domain/errors.ts";
export type { ErrorCode, JobdErrorOptions } from "./domain/errors.ts";
export type { Duration } from "./domain/duration.ts";
export { JITTERS } from "./domain/backoff.ts";
export type { Backoff, BackoffOptions, Jitter } from "./domain/backoff.ts";
export type {
  Execution,
  ExecutionOutcome,
  FailureRecord,
  Job,
  JobOptions,
  LogChunk,
  NewJob,
} from "./domain/job.ts";
export { EXECUTION_OUTCOMES } from "./domain/job.ts";
export { AGENT_LIMITS } from "./domain/agent.ts";
export type { AgentCall, AgentLimits, AgentOrigin } from "./domain/agent.ts";
export type { AgentCaller } from "./runtime/agents.ts";
export type { Run, Transition } from "./domain/transition.ts";
export type { Headers } from "./domain/headers.ts";
export type { Json } from "./domain/json.ts";
export type { Outcome } from "./domain/outcome.ts";
export { PRIORITY_NAMES } from "./domain/priority.ts";
export type { Priority } from "./domain/priority.ts";
export type { Queue, QueueSettings, Retention } from "./domain/queue.ts";
export { FOREVER_MS } from "./domain/retention.ts";
export type { Kept } from "./domain/retention.ts";
export { SERIES_METRICS } from "./domain/series.ts";
export type {
  FailuresPoint,
  SeriesMetric,
  SeriesPoint,
  SeriesPoints,
  ThroughputPoint,
  TimesPoint,
} from "./domain/series.ts";
export type { NewStat, StatFold, StatRow } from "./domain/stat.ts";
export type { Series, SeriesOptions } from "./runtime/series.ts";
export { SECRET_KEYS } from "./domain/redacted_keys.ts";
export { redactionOf } from "./domain/redaction.ts";
export type { Redactable, Redaction } from "./domain/redaction.ts";
export { REDACTED } from "./domain/secret_text.ts";
export type { SecretStream } from "./domain/secret_text.ts";
export type { JobRequest } from "./domain/request.ts";
export { CONFLICT_POLICIES, REPLACEABLE, STATE_GROUPS, UNIQUE_SCOPES } from "./domain/unique.ts";
export type {
  ConflictPolicy,
  Replaceable,
  StateGroup,
  Uniqueness,
  UniqueOptions,
  UniqueScope,
} from "./domain/unique.ts";
export { PARENT_FAILURES } from "./domain/dependency.ts";
export type { After, AfterOptions, Dependency, JobRef, ParentFailure } from "./domain/dependency.ts";
export { FINAL_STATES, JOB_STATES, WAITING_STATES } from "./domain/states.ts";
export type { FinalState, JobState, WaitingState } from "./domain/states.ts";
export { HISTORY_MAX, MISSED_POLICIES, OVERLAP_POLICIES, statusOf } from "./domain/schedule.ts";
export type {
  MissedPolicy,
  NewTickRecord,
  OverlapPolicy,
  Schedule,
  ScheduledJob,
  ScheduleSpec,
  ScheduleState,
  TickOutcome,
  TickRecord,
} from "./domain/schedule.ts";
export type { ScheduleOptions } from "./domain/schedule_request.ts";
export { BATCH_MOMENTS, BATCH_STATES, MEMBER_ENDS } from "./domain/batch.ts";
export type {
  Batch,
  BatchCounts,
  BatchMoment,
  BatchReport,
  BatchState,
  BatchTurn,
  MemberEnd,
  NewBatch,
} from "./domain/batch.ts";
export type { BatchRef } from "./domain/batch_ref.ts";
export type { BatchCallbacks, BatchSettings } from "./domain/batch_request.ts";
export { BATCH_EVENTS, EVENT_PATTERNS, JOB_EVENTS, QUEUE_EVENTS, SCHEDULE_EVENTS } from "./domain/event.ts";
export type {
  BatchEvent,
  BatchEventKind,
  EventKind,
  EventOf,
  EventPattern,
  Interest,
  JobdEvent,
  JobEvent,
  JobEventKind,
  KindOf,
  NewEvent,
  QueueEvent,
  QueueEventKind,
  ScheduleEvent,
  ScheduleEventKind,
} from "./domain/event.ts";
export { JOB_ACTIONS } from "./domain/amendment.ts";
export type { Ageing } from "./domain/ageing.ts";
export type { Amendment, Change, JobAction } from "./domain/amendment.ts";
export type { OptionsPatch, Replacement } from "./domain/replacement.ts";
export type { JobUpdate, Removable } from "./domain/job_update.ts";
export { type Role, ROLES } from "./domain/role.ts";
export type { Token, TokenOptions } from "./domain/token.ts";
export type * from "./storage/driver.ts";
export type { OpenDriverOptions } from "./storage/open.ts";
export { sleep } from "./domain/clock.ts";
export type { Clock } from "./domain/clock.ts";
export type { PayloadSchema, SchemaIssue, SchemaResult } from "./runtime/payload_schema.ts";
export { defineJob } from "./runtime/definition.ts";
export type {
  DefinitionDefaults,
  DefinitionOptions,
  DefinitionUnique,
  EnqueueOptions,
  JobDefinition,
  Within,
} from "./runtime/definition.ts";
export type {
  Isolation,
  IsolationChoice,
  IsolationOptions,
  Permissions,
  Right,
  RightName,
} from "./runtime/isolation/isolation.ts";
export { Enqueued } from "./runtime/enqueued.ts";
export type { ResultOptions } from "./runtime/enqueued.ts";
export { coolDown, Directive, discard, fail, retryAt, snooze, transient } from "./runtime/handler.ts";
export type {
  BackoffFunction,
  Checkpoint,
  EnqueueFollowUp,
  FailOptions,
  FollowUp,
  Handler,
  HandlerLimit,
  MemberBatch,
  Middleware,
  RunContext,
  StopReason,
} from "./runtime/handler.ts";
export type { Parent } from "./runtime/parents.ts";
export { blockedBy, waitStatus } from "./domain/wait.ts";
export type { Answer, BlockedBy, JobWait, WaitKind, WaitOpening, WaitStatus } from "./domain/wait.ts";
export { WaitTimedOut } from "./runtime/wait_calls.ts";
export type { WaitCalls, WaitForOptions } from "./runtime/wait_calls.ts";
export type { JobWaits, Resumed, ResumeOptions, WaitTarget } from "./runtime/job_waits.ts";
export { handlerGroup } from "./runtime/middleware/layers.ts";
export { logging } from "./runtime/middleware/logging.ts";
export type { LoggingOptions } from "./runtime/middleware/logging.ts";
export { rateLimit } from "./runtime/middleware/rate_limit.ts";
export type { RateLimitOptions } from "./runtime/middleware/rate_limit.ts";
export { recovery } from "./runtime/middleware/recovery.ts";
export { timeout } from "./runtime/middleware/timeout.ts";
export { tracing } from "./runtime/middleware/tracing.ts";
export type { Span, Tracer } from "./runtime/middleware/tracing.ts";
export type { SpanContext } from "./runtime/middleware/trace_context.ts";
export type { Encryption } from "./domain/encryption.ts";
export type { EncryptionOptions, WebCrypto, WebCryptoKey } from "./runtime/encryption/keys.ts";
export { Jobd } from "./runtime/jobd.ts";
export type { Spread } from "./runtime/spread.ts";
export type {
  BulkOptions,
  DefinedJob,
  OpenOptions,
  PlainJob,
  Stats,
  StatsOptions,
} from "./runtime/jobd_options.ts";
export type { EventStream } from "./runtime/events/event_stream.ts";
export type { EventListener, EventsOptions, Subscription, WatchOptions } from "./runtime/events/watching.ts";
export type { ErrorGroup } from "./domain/error_group.ts";
export type {
  DeadFilter,
  DeadGroup,
  DeadGroups,
  DeadLetters,
  DeadSelection,
} from "./runtime/dead_letters.ts";
export { EACH_KEY } from "./domain/limit.ts";
export type {
  Limit,
  LimitName,
  LimitOptions,
  LimitSettings,
  LimitTarget,
  RateOptions,
} from "./domain/limit.ts";
export type { JobLimits, LimitTargetOptions } from "./runtime/limits.ts";
export type { JobFilter, OneOrMany } from "./runtime/job_filter.ts";
export type { ActionPreview, PreviewOptions } from "./runtime/action_preview.ts";
export type { ActionReport, FailedAction } from "./runtime/action_report.ts";
export type {
  ActionOptions,
  MatchOptions,
  RetryOptions,
  Selection,
  WatchedOptions,
} from "./runtime/job_actions.ts";
export type { Batches, BatchSource } from "./runtime/batches.ts";
export type {
  AnyBatchOptions,
  BatchCallbackInfo,
  BatchFilter,
  BatchInfo,
  BatchOptions,
} from "./runtime/batch_options.ts";
export { MadeBatch } from "./runtime/made_batch.ts";
export type { Jobs, LogsOptions, ViewOptions, WaitOptions } from "./runtime/jobs.ts";
export type {
  DeleteQueueOptions,
  DeleteQueueReport,
  DrainOptions,
  DrainReport,
  EmptyingOptions,
} from "./runtime/queue_emptying.ts";
export type { QueueReport, Queues, QueueSelection } from "./runtime/queues.ts";
export type { NamespaceInfo, Namespaces } from "./runtime/namespaces.ts";
export type { DeleteNamespaceOptions, DeleteNamespaceReport } from "./runtime/tenant.ts";
export type { Executions } from "./runtime/executions.ts";
export type { Workers } from "./runtime/workers.ts";
export type { RemoteLeases } from "./runtime/remote/remote_leases.ts";
export type {
  Lease,
  LeasedJob,
  LeasedRun,
  LeasedStatus,
  LeaseRequest,
  LeaseScope,
  RemoteAnswer,
  RemoteFailure,
  RemoteLog,
  RemoteSnooze,
  RemoteWorkerDefaults,
  RenewedLease,
} from "./runtime/remote/options.ts";
export type { AttemptEnd } from "./domain/attempt_end.ts";
export type { Upkeep } from "./runtime/upkeep.ts";
export { defineSchedule } from "./runtime/schedule_definition.ts";
export type {
  ScheduledDefinition,
  ScheduleDefinition,
  ScheduleInput,
} from "./runtime/schedule_definition.ts";
export type { BackfillOptions, BackfillReport } from "./runtime/manual_ticks.ts";
export type { ScheduleRunner, ScheduleRunnerOptions } from "./runtime/schedule_runner.ts";
export type { GroupFilter, Groups, GroupSelection } from "./runtime/groups/groups.ts";
export type { GroupContext, GroupEnds } from "./runtime/groups/group_call.ts";
export type { Gathering, GroupOptions, GroupRequest, GroupRules } from "./domain/group.ts";
export type {
  Gathered,
  GatherRequest,
  GroupJobsQuery,
  GroupQuery,
  GroupRow,
  GroupStore,
  Ripened,
} from "./storage/group_store.ts";
export type { NextOptions, ScheduleChange, Schedules } from "./runtime/schedules.ts";
export type { JobIds } from "./runtime/ids.ts";
export type { ProcessIdentity, ProcessWatch } from "./runtime/process/identity.ts";
export { createLogger, LOG_LEVELS } from "./runtime/logger.ts";
export type { LogFormat, Logger, LoggerOptions, LogLevel } from "./runtime/logger.ts";
export type { QueueChoice } from "./runtime/queue_order.ts";
export { Worker } from "./runtime/worker.ts";
export type { AttemptFailure, Handlers, UpkeepOptions, WorkerOptions } from "./runtime/worker_options.ts";
export type { CreatedToken, Tokens, TokenView } from "./runtime/tokens.ts";
export { verifyWebhook } from "./runtime/webhook.ts";
export type { VerifyWebhookOptions } from "./runtime/webhook.ts";
export type { AuditFilter, AuditLog } from "./runtime/audit/audit_log.ts";
export type { Actor, AuditEntry, NewAuditEntry, Surface } from "./domain/audit.ts";
export type { AuditQuery, AuditStore } from "./storage/audit_store.ts";
export type { TypeInfo, Types } from "./runtime/types.ts";
