-- Jobs that are gathered by a key, to be handled together. While some of its jobs gather they are in `parked`, at the scope
-- 'group:' with the id; due_at says when somebody must look at the group: to let it go, or to see whether that has come to
-- something. It is null when nothing gathers any more.
create table jobd.job_group (
  id bigint generated always as identity primary key,
  queue_id bigint not null,
  type text collate "C" not null,
  key text collate "C" not null,
  is_open boolean not null,
  size integer not null,
  joined integer not null,
  opened_at timestamptz not null,
  due_at timestamptz,
  leader_id uuid
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
create unique index job_group_open on jobd.job_group (queue_id, type, key) where is_open;
create index job_group_due on jobd.job_group (due_at, id) where due_at is not null;
create index job_group_key on jobd.job_group (key, id);

-- Which job belongs to which group, also after it was handed over.
create table jobd.group_member (
  job_id uuid primary key,
  group_id bigint not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
create index group_member_group on jobd.group_member (group_id, job_id);

-- SQL knows headers, and refuses what it would pass over: a job with a group would not be gathered.
create or replace function jobd.refuse_unknown(request jsonb) returns void language plpgsql as $$
declare
  known text[] := array['type', 'payload', 'id', 'namespace', 'queue', 'priority', 'delay', 'runAt', 'maxAttempts',
    'timeout', 'ttl', 'backoff', 'retention', 'uniqueKey', 'limitKey', 'limitWeight', 'unique', 'after', 'group', 'tags',
    'origin', 'meta', 'headers'];
  field text;
begin
  for field in select * from jsonb_object_keys(request) loop
    if field <> all (known) then
      perform jobd.refuse('Unknown job field ' || to_json(field),
        format('Known fields: %s.', array_to_string(known, ', ')));
    end if;
  end loop;
  -- Refused, not passed over: the job would not wait.
  if not jobd.is_absent(request -> 'after') then
    perform jobd.refuse('Invalid after: SQL enqueues no jobs that wait for others',
      'Enqueue it with the library; the jobs that it waits for may be of SQL.');
  end if;
  if not jobd.is_absent(request -> 'group') then
    perform jobd.refuse('Invalid group: SQL enqueues no jobs that are gathered',
      'Enqueue it with the library or the command line.');
  end if;
end $$;
