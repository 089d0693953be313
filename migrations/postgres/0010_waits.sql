-- The wait at which the job is parked; means something only while the job is blocked.
alter table jobd.job add column waiting_for text;

-- What handlers wait for, kept across attempts. asked_at: when the handler asked first, before that only its token is known,
-- or the answer. due_at: a copy of until_at while the job is parked here, so that its time is noticed.
create table jobd.job_wait (
  job_id uuid not null,
  name text collate "C" not null,
  kind text not null,
  opened_at timestamptz not null,
  asked_at timestamptz,
  until_at timestamptz,
  due_at timestamptz,
  answered_at timestamptz,
  answer_key text,
  value json,
  timed_out_at timestamptz,
  primary key (job_id, name)
);
create index job_wait_due_at on jobd.job_wait (due_at, job_id) where due_at is not null;

-- What tokens are made with: whoever knows it can make the token of any wait. Nobody but jobd need read it.
create table jobd.secret (
  name text primary key,
  value text not null
);
insert into jobd.secret (name, value)
values ('waits', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
