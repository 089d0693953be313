-- Jobs that are tracked as one unit. The counts are those of the notes below that were taken into account; what is open is
-- the rest of the total.
create table batch (
  id text primary key,
  namespace text not null,
  type text not null,
  state text not null,
  spec text not null,
  parent_id text,
  told text not null default '[]',
  total integer not null default 0,
  completed integer not null default 0,
  dead integer not null default 0,
  cancelled integer not null default 0,
  expired integer not null default 0,
  deleted integer not null default 0,
  created_at integer not null,
  sealed_at integer,
  cancel_requested_at integer,
  finished_at integer
) strict, without rowid;
create index batch_state on batch (namespace, state, id);
create index batch_parent on batch (parent_id, id) where parent_id is not null;
create index batch_finished_at on batch (finished_at, id) where finished_at is not null;

-- The batch of a job; what claims and ends write is not in the index.
alter table job add column batch_id text;
create index job_batch on job (batch_id, id) where batch_id is not null;

-- What has become of members and is not counted yet: one more of them has ended like that, or (after a retry) one less.
create table batch_note (
  seq integer primary key,
  batch_id text not null,
  state text not null,
  delta integer not null
) strict;
create index batch_note_batch on batch_note (batch_id);

-- Triggers, so that no way to end or to revive a job can forget it: an older daemon that still works on this store, or a hand.
create trigger member_ended after update of finished_at on job
when new.batch_id is not null and old.finished_at is null and new.finished_at is not null
begin
  insert into batch_note (batch_id, state, delta) values (new.batch_id, new.state, 1);
end;
create trigger member_revived after update of finished_at on job
when new.batch_id is not null and old.finished_at is not null and new.finished_at is null
begin
  insert into batch_note (batch_id, state, delta) values (new.batch_id, old.state, -1);
end;
create trigger member_deleted after delete on job
when old.batch_id is not null and old.finished_at is null
begin
  insert into batch_note (batch_id, state, delta) values (old.batch_id, 'deleted', 1);
end;
