-- What operators did: who, what, when, from where, and what came of it. Rows are only added, and removed when they are old.
create table jobd.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  namespace text not null,
  operation text not null,
  outcome text not null,
  surface text not null,
  token text,
  name text,
  role text,
  address text,
  request_id text,
  facts json not null
);
create unique index audit_newest on jobd.audit (namespace, id);
create index audit_oldest on jobd.audit (at, id);
