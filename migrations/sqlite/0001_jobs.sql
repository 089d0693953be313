-- The same tables as in PostgreSQL. Instants are epoch milliseconds, JSON is text, ids are text.

-- Queues (lanes of jobs) with their settings.
create table queue (
  id integer primary key,
  namespace text not null,
  name text not null,
  settings text not null default '{}',
  paused_at integer,
  created_at integer not null,
  unique (namespace, name)
) strict;
create index queue_paused_at on queue (paused_at) where paused_at is not null;

-- The facts, one row a job. No index covers a column that claim and settle change.
create table job (
  row integer primary key,
  id text not null unique,
  queue_id integer not null,
  type text not null,
  priority integer not null,
  state text not null,
  attempt integer not null default 0,
  failures integer not null default 0,
  releases integer not null default 0,
  max_attempts integer not null,
  seq integer,                     -- its place in ready, while it is there
  lease_id integer,                -- its lease, while it runs
  created_at integer not null,
  run_at integer not null,         -- its place in scheduled, while it is there
  started_at integer,
  finished_at integer,
  worker text,
  payload text not null,
  options text not null default '{}',
  progress text,
  result text,
  error text,
  -- Only while the job is unfinished:
  unique_lock text,
  expire_at integer,
  cancel_requested_at integer,
  -- Set by rare endings only:
  dead_at integer,
  cancelled_at integer,
  expired_at integer
) strict;

create unique index job_unique_lock on job (unique_lock) where unique_lock is not null;
create index job_expire_at on job (expire_at) where expire_at is not null;
create index job_cancel_requested_at on job (cancel_requested_at) where cancel_requested_at is not null;
create index job_dead_at on job (dead_at desc, id desc) where dead_at is not null;
create index job_cancelled_at on job (cancelled_at desc, id desc) where cancelled_at is not null;
create index job_expired_at on job (expired_at desc, id desc) where expired_at is not null;

-- Numbers that only grow: the arrival order of ready rows, the ids of leases.
create table counter (
  name text primary key,
  value integer not null
) strict, without rowid;
insert into counter values ('ready_seq', 0), ('lease_id', 0);

-- The dispatch index: one narrow row for each available job. rank is the negative priority, so that the primary key
-- is the order of dispatch.
create table ready (
  queue_id integer not null,
  rank integer not null,
  seq integer not null,
  job_id text not null,
  type text not null,
  primary key (queue_id, rank, seq)
) strict, without rowid;

-- One narrow row for each job that waits for a time.
create table scheduled (
  run_at integer not null,
  job_id text not null,
  primary key (run_at, job_id)
) strict, without rowid;

-- One row for each claim call: which worker runs which jobs (a JSON list of ids) until when.
create table lease (
  id integer primary key,
  worker text not null,
  expires_at integer not null,
  jobs text not null
) strict;

-- Attempts that ended without ending their job. The latest attempt is recorded by the job row itself.
create table execution (
  job_id text not null,
  attempt integer not null,
  worker text,
  started_at integer not null,
  finished_at integer not null,
  outcome text not null,
  error text,
  primary key (job_id, attempt)
) strict, without rowid;

-- What jobs print.
create table job_log (
  job_id text not null,
  attempt integer not null,
  seq integer not null,
  at integer not null,
  stream text not null,
  start_at integer not null,       -- characters of this attempt's log before the chunk
  text text not null,
  primary key (job_id, attempt, seq)
) strict;

-- Workers that are alive, as they say themselves.
create table worker (
  id text primary key,
  namespace text not null,
  process text not null,
  queues text not null,
  types text not null,
  concurrency integer not null,
  running integer not null,
  started_at integer not null,
  seen_at integer not null
) strict;

-- Ends of runs per minute; every daemon appends rows of its own, readers add them up.
create table stat (
  minute integer not null,
  namespace text not null,
  queue text not null,
  type text not null,
  outcome text not null,
  count integer not null,
  wait text not null,
  run text not null
) strict;
create index stat_minute on stat (minute);
