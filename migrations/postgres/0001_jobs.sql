-- The name "jobd" before a dot is replaced when the store uses another schema.

-- Queues (lanes of jobs) with their settings.
create table jobd.queue (
  id bigint generated always as identity primary key,
  namespace text not null,
  name text not null,
  settings json not null default '{}',
  paused_at timestamptz,
  created_at timestamptz not null,
  unique (namespace, name)
);

-- The facts, one row a job. Claim and settle change state, attempt, failures, releases, run_at, started_at, finished_at,
-- worker, lease_id, seq, result and error; no index may cover or name one of these, so that both are HOT updates.
-- The fill factor leaves room for the new versions of all rows of a page, which one claim may well write together.
create table jobd.job (
  id uuid primary key,
  queue_id bigint not null,
  type text not null,
  priority smallint not null,
  state text not null,
  attempt integer not null default 0,
  failures integer not null default 0,
  releases smallint not null default 0,
  max_attempts smallint not null,
  seq bigint,                      -- its place in ready, while it is there
  lease_id bigint,                 -- its lease, while it runs
  created_at timestamptz not null,
  run_at timestamptz not null,     -- its place in scheduled, while it is there
  started_at timestamptz,
  finished_at timestamptz,
  worker text,
  payload json not null,
  options json not null default '{}',
  progress json,
  result json,
  error json,
  -- Only while the job is unfinished:
  unique_lock text,
  expire_at timestamptz,
  cancel_requested_at timestamptz,
  -- Set by rare endings only, so their indexes cost the normal path nothing:
  dead_at timestamptz,
  cancelled_at timestamptz,
  expired_at timestamptz
) with (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000);

create unique index job_unique_lock on jobd.job (unique_lock) where unique_lock is not null;
create index job_expire_at on jobd.job (expire_at) where expire_at is not null;
create index job_cancel_requested_at on jobd.job (cancel_requested_at) where cancel_requested_at is not null;
create index job_dead_at on jobd.job (dead_at desc, id desc) where dead_at is not null;
create index job_cancelled_at on jobd.job (cancelled_at desc, id desc) where cancelled_at is not null;
create index job_expired_at on jobd.job (expired_at desc, id desc) where expired_at is not null;

-- The dispatch index: one narrow row for each available job. rank is the negative priority, so that the primary key
-- is the order of dispatch; seq is given on arrival by the database. These small, busy tables keep their pages: giving
-- them back to the disk needs a lock that stops everybody.
create sequence jobd.ready_seq;
create table jobd.ready (
  queue_id bigint not null,
  rank smallint not null,
  seq bigint not null,
  job_id uuid not null,
  type text not null,
  primary key (queue_id, rank, seq)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = false);

-- One narrow row for each job that waits for a time.
create table jobd.scheduled (
  run_at timestamptz not null,
  job_id uuid not null,
  primary key (run_at, job_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = false);

-- One row for each claim call: which worker runs which jobs until when.
create table jobd.lease (
  id bigint generated always as identity primary key,
  worker text not null,
  expires_at timestamptz not null,
  jobs uuid[] not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = false);

-- Attempts that ended without ending their job. The latest attempt is recorded by the job row itself.
create table jobd.execution (
  job_id uuid not null,
  attempt integer not null,
  worker text,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  outcome text not null,
  error json,
  primary key (job_id, attempt)
);

-- What jobs print.
create table jobd.job_log (
  job_id uuid not null,
  attempt integer not null,
  seq integer not null,
  at timestamptz not null,
  stream text not null,
  start_at bigint not null,        -- characters of this attempt's log before the chunk
  text text not null,
  primary key (job_id, attempt, seq)
);

-- Workers that are alive, as they say themselves.
create table jobd.worker (
  id text primary key,
  namespace text not null,
  process json not null,
  queues json not null,
  types json not null,
  concurrency integer not null,
  running integer not null,
  started_at timestamptz not null,
  seen_at timestamptz not null
) with (fillfactor = 50);

-- Ends of runs per minute; every daemon appends rows of its own, readers add them up.
create table jobd.stat (
  minute timestamptz not null,
  namespace text not null,
  queue text not null,
  type text not null,
  outcome text not null,
  count bigint not null,
  wait json not null,
  run json not null
);
create index stat_minute on jobd.stat (minute);
