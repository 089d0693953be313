-- Who may use the API. The secret itself is not stored, only its SHA-256: it is long and random, so that is enough.
create table jobd.token (
  id text primary key,
  name text not null,
  hash text not null unique,
  role text not null,
  namespace text,
  queues json,
  types json,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz
);
