-- Jobs that are gathered by a key, to be handled together. While some of its jobs gather they are in `parked`, at the scope
-- 'group:' with the id; due_at says when somebody must look at the group: to let it go, or to see whether that has come to
-- something. It is null when nothing gathers any more.
create table job_group (
  id integer primary key autoincrement,
  queue_id integer not null,
  type text not null,
  key text not null,
  is_open integer not null,
  size integer not null,
  joined integer not null,
  opened_at integer not null,
  due_at integer,
  leader_id text
) strict;
create unique index job_group_open on job_group (queue_id, type, key) where is_open;
create index job_group_due on job_group (due_at, id) where due_at is not null;
create index job_group_key on job_group (key, id);

-- Which job belongs to which group, also after it was handed over.
create table group_member (
  job_id text primary key,
  group_id integer not null
) strict, without rowid;
create index group_member_group on group_member (group_id, job_id);
