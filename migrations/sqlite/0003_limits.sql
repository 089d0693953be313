-- How much may run: of a queue or a type, of all its jobs (key '') or of each key (key '*') or of one key.
create table limit_rule (
  namespace text not null,
  target text not null,
  name text not null,
  key text not null,
  settings text not null,
  paused_at integer,
  source text not null,
  primary key (namespace, target, name, key)
) strict, without rowid;

-- How a limit stands, applied to a queue or type or to one key of it; a row for each that has had to hold somebody back or
-- that counts starts in a time. open_at: from when on those who wait should be tried again; idle_at: when it may be
-- forgotten, unless somebody waits.
create table gate (
  scope text primary key,
  namespace text not null,
  target text not null,
  name text not null,
  tokens real,
  filled_at integer,
  cool_until integer,
  open_at integer,
  turn integer not null,
  idle_at integer not null
) strict, without rowid;
create index gate_open_at on gate (namespace, open_at, scope) where open_at is not null;
create index gate_idle_at on gate (idle_at);

-- One narrow row for each job that waits at a gate, with all that decides whether it may pass.
create table parked (
  scope text not null,
  rank integer not null,
  turn integer not null,
  job_id text not null unique,
  queue_id integer not null,
  type text not null,
  key text not null,
  weight integer not null,
  primary key (scope, rank, turn, job_id)
) strict, without rowid;
-- Its first column is not that of the primary key: the walk along a gate must not be tempted to sort all who wait there.
create index parked_key on parked (key, scope, turn);

-- Which attempts have passed a gate that counts what runs. A row counts only while its attempt is the live one.
create table hold (
  scope text not null,
  job_id text not null,
  attempt integer not null,
  primary key (scope, job_id)
) strict, without rowid;
create index hold_job on hold (job_id);
