-- What operators did: who, what, when, from where, and what came of it. Rows are only added, and removed when they are old.
create table audit (
  id integer primary key autoincrement,
  at integer not null,
  namespace text not null,
  operation text not null,
  outcome text not null,
  surface text not null,
  token text,
  name text,
  role text,
  address text,
  request_id text,
  facts text not null
) strict;
create unique index audit_newest on audit (namespace, id);
create index audit_oldest on audit (at, id);
