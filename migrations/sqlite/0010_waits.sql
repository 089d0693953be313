-- The wait at which the job is parked; means something only while the job is blocked.
alter table job add column waiting_for text;

-- What handlers wait for, kept across attempts. asked_at: when the handler asked first, before that only its token is known,
-- or the answer. due_at: a copy of until_at while the job is parked here, so that its time is noticed.
create table job_wait (
  job_id text not null,
  name text not null,
  kind text not null,
  opened_at integer not null,
  asked_at integer,
  until_at integer,
  due_at integer,
  answered_at integer,
  answer_key text,
  value text,
  timed_out_at integer,
  primary key (job_id, name)
) strict, without rowid;
create index job_wait_due_at on job_wait (due_at, job_id) where due_at is not null;

-- What tokens are made with: whoever knows it can make the token of any wait. Nobody but jobd need read it.
create table secret (
  name text primary key,
  value text not null
) strict, without rowid;
insert into secret (name, value) values ('waits', lower(hex(randomblob(32))));
