-- Recurring rules. next_at: when a scheduler must look at it, null for never. version grows with each write; who writes says
-- which version was read, so that of several schedulers one writes a tick, and a change in between is noticed.
create table schedule (
  namespace text not null,
  name text not null,
  id text not null,
  spec text not null,
  declared text,
  source text not null,
  revision integer not null,
  version integer not null,
  paused_at integer,
  pause_reason text,
  created_at integer not null,
  updated_at integer not null,
  next_at integer,
  state text not null,
  primary key (namespace, name)
) strict, without rowid;
create unique index schedule_id on schedule (id);
create index schedule_next_at on schedule (namespace, next_at, name) where next_at is not null;

-- What became of ticks: the latest entries of each schedule.
create table tick (
  schedule_id text not null,
  number integer not null,
  facts text not null,
  primary key (schedule_id, number)
) strict, without rowid;
