-- Who wants to hear of changes: one row for each process that watches, renewed while it lives. Whoever changes jobs reads
-- this small table, and writes events only of what somebody wants.
create table watcher (
  id text primary key,
  wants text not null,
  expires_at integer not null
) strict;

-- What has happened, for those who watch; removed after a while. Ids grow and are never used again.
create table event (
  id integer primary key autoincrement,
  kind text not null,
  at integer not null,
  namespace text not null,
  queue text not null,
  facts text not null
) strict;
