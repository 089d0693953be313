-- Others wait for the job: its end is noted in `ended`.
alter table jobd.job add column awaited boolean not null default false;

-- Which unfinished job waits for which; held: that one has failed, and matters again only if it is retried.
create table jobd.dependency (
  parent_id uuid not null,
  child_id uuid not null,
  held boolean not null default false,
  primary key (parent_id, child_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
create index dependency_child on jobd.dependency (child_id);

-- Ends of awaited jobs that those who wait have not been told of yet.
create table jobd.ended (
  seq bigint generated always as identity primary key,
  job_id uuid not null,
  state text not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = false);

-- Triggers, so that no way to end a job can forget it: an older daemon that still works on this store, or a hand.
create function jobd.note_end() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    insert into jobd.ended (job_id, state) values (old.id, 'deleted');
  else
    insert into jobd.ended (job_id, state) values (new.id, new.state);
  end if;
  return null;
end $$;
create trigger job_ended after update of finished_at on jobd.job for each row
  when (new.awaited and new.state in ('completed', 'dead', 'cancelled', 'expired')) execute function jobd.note_end();
create trigger job_deleted after delete on jobd.job for each row
  when (old.awaited and old.state not in ('completed', 'dead', 'cancelled', 'expired')) execute function jobd.note_end();
