-- Others wait for the job: its end is noted in `ended`.
alter table job add column awaited integer not null default 0;

-- Which unfinished job waits for which; held: that one has failed, and matters again only if it is retried.
create table dependency (
  parent_id text not null,
  child_id text not null,
  held integer not null default 0,
  primary key (parent_id, child_id)
) strict, without rowid;
create index dependency_child on dependency (child_id);

-- Ends of awaited jobs that those who wait have not been told of yet.
create table ended (
  seq integer primary key,
  job_id text not null,
  state text not null
) strict;

-- Triggers, so that no way to end a job can forget it: an older daemon that still works on this store, or a hand.
create trigger job_ended after update of finished_at on job
when new.awaited and new.state in ('completed', 'dead', 'cancelled', 'expired')
begin
  insert into ended (job_id, state) values (new.id, new.state);
end;
create trigger job_deleted after delete on job
when old.awaited and old.state not in ('completed', 'dead', 'cancelled', 'expired')
begin
  insert into ended (job_id, state) values (old.id, 'deleted');
end;
