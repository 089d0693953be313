-- What attempts of a job have got done, kept across retries: named steps, and the checkpoint, whose name is empty.
create table jobd.step (
  job_id uuid not null,
  name text not null,
  value json not null,
  saved_at timestamptz not null,
  primary key (job_id, name)
);
