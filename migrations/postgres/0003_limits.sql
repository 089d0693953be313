-- How much may run: of a queue or a type, of all its jobs (key '') or of each key (key '*') or of one key.
create table jobd.limit_rule (
  namespace text not null,
  target text not null,
  name text not null,
  key text not null,
  settings json not null,
  paused_at timestamptz,
  source text not null,
  primary key (namespace, target, name, key)
);

-- How a limit stands, applied to a queue or type or to one key of it; a row for each that has had to hold somebody back or
-- that counts starts in a time. open_at: from when on those who wait should be tried again; idle_at: when it may be
-- forgotten, unless somebody waits.
create table jobd.gate (
  scope text collate "C" primary key,
  namespace text not null,
  target text not null,
  name text not null,
  tokens float8,
  filled_at timestamptz,
  cool_until timestamptz,
  open_at timestamptz,
  turn bigint not null,
  idle_at timestamptz not null
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
create index gate_open_at on jobd.gate (namespace, open_at, scope) where open_at is not null;
create index gate_idle_at on jobd.gate (idle_at);

-- One narrow row for each job that waits at a gate, with all that decides whether it may pass.
create table jobd.parked (
  scope text collate "C" not null,
  rank smallint not null,
  turn bigint not null,
  job_id uuid not null unique,
  queue_id bigint not null,
  type text not null,
  key text not null,
  weight integer not null,
  primary key (scope, rank, turn, job_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = false);
-- Its first column is not that of the primary key: the walk along a gate must not be tempted to sort all who wait there.
create index parked_key on jobd.parked (key, scope, turn);

-- Which attempts have passed a gate that counts what runs. A row counts only while its attempt is the live one.
create table jobd.hold (
  scope text collate "C" not null,
  job_id uuid not null,
  attempt integer not null,
  primary key (scope, job_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = false);
create index hold_job on jobd.hold (job_id);
