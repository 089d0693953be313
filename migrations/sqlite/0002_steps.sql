-- What attempts of a job have got done, kept across retries: named steps, and the checkpoint, whose name is empty.
create table step (
  job_id text not null,
  name text not null,
  value text not null,
  saved_at integer not null,
  primary key (job_id, name)
) strict;
