-- Who wants to hear of changes: one row for each process that watches, renewed while it lives. Whoever changes jobs reads
-- this small table, and writes events only of what somebody wants.
create table jobd.watcher (
  id text primary key,
  wants json not null,
  expires_at timestamptz not null
);

-- What has happened, for those who watch; removed after a while. Writers take turns, so ids become visible in their order.
create table jobd.event (
  id bigint generated always as identity primary key,
  kind text not null,
  at timestamptz not null,
  namespace text not null,
  queue text not null,
  facts json not null
);
