-- Recurring rules. next_at: when a scheduler must look at it, null for never. version grows with each write; who writes says
-- which version was read, so that of several schedulers one writes a tick, and a change in between is noticed.
create table jobd.schedule (
  namespace text collate "C" not null,
  name text collate "C" not null,
  id text collate "C" not null,
  spec json not null,
  declared json,
  source text not null,
  revision integer not null,
  version bigint not null,
  paused_at timestamptz,
  pause_reason text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  next_at timestamptz,
  state json not null,
  primary key (namespace, name)
);
create unique index schedule_id on jobd.schedule (id);
create index schedule_next_at on jobd.schedule (namespace, next_at, name) where next_at is not null;

-- What became of ticks: the latest entries of each schedule.
create table jobd.tick (
  schedule_id text collate "C" not null,
  number bigint not null,
  facts json not null,
  primary key (schedule_id, number)
);
