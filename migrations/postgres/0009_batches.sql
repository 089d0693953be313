-- Jobs that are tracked as one unit. The counts are those of the notes below that were taken into account; what is open is
-- the rest of the total.
create table jobd.batch (
  id uuid primary key,
  namespace text collate "C" not null,
  type text collate "C" not null,
  state text not null,
  spec json not null,
  parent_id uuid,
  told json not null default '[]',
  total bigint not null default 0,
  completed bigint not null default 0,
  dead bigint not null default 0,
  cancelled bigint not null default 0,
  expired bigint not null default 0,
  deleted bigint not null default 0,
  created_at timestamptz not null,
  sealed_at timestamptz,
  cancel_requested_at timestamptz,
  finished_at timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create index batch_state on jobd.batch (namespace, state, id);
create index batch_parent on jobd.batch (parent_id, id) where parent_id is not null;
create index batch_finished_at on jobd.batch (finished_at, id) where finished_at is not null;

-- The batch of a job; what claims and ends write is not in the index.
alter table jobd.job add column batch_id uuid;
create index job_batch on jobd.job (batch_id, id) where batch_id is not null;

-- What has become of members and is not counted yet: one more of them has ended like that, or (after a retry) one less.
-- Notes, and not counts, so that members of one batch can end at the same moment.
create table jobd.batch_note (
  seq bigint generated always as identity primary key,
  batch_id uuid not null,
  state text not null,
  delta smallint not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = false);
create index batch_note_batch on jobd.batch_note (batch_id);

-- Triggers, so that no way to end or to revive a job can forget it: an older daemon that still works on this store, or a hand.
create function jobd.note_member() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    insert into jobd.batch_note (batch_id, state, delta) values (old.batch_id, 'deleted', 1);
  elsif new.finished_at is null then
    insert into jobd.batch_note (batch_id, state, delta) values (new.batch_id, old.state, -1);
  else
    insert into jobd.batch_note (batch_id, state, delta) values (new.batch_id, new.state, 1);
  end if;
  return null;
end $$;
create trigger member_ended after update of finished_at on jobd.job for each row
  when (new.batch_id is not null and (old.finished_at is null) <> (new.finished_at is null))
  execute function jobd.note_member();
create trigger member_deleted after delete on jobd.job for each row
  when (old.batch_id is not null and old.finished_at is null) execute function jobd.note_member();
