-- Who may use the API. The secret itself is not stored, only its SHA-256: it is long and random, so that is enough.
create table token (
  id text primary key,
  name text not null,
  hash text not null unique,
  role text not null,
  namespace text,
  queues text,
  types text,
  created_at integer not null,
  expires_at integer,
  revoked_at integer
) strict;
