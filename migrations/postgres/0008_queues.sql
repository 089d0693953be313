-- Jobs of SQL may have headers: what a job of the library may have, checked as checkHeaders in src/domain/headers.ts does it.

create function jobd.read_headers(value jsonb) returns text language plpgsql as $$
declare
  fields text[] := '{}';
  names text[] := '{}';
  field record;
  bytes integer := 0;
begin
  if jsonb_typeof(value) <> 'object' then
    perform jobd.refuse_value('headers', value, 'an object of texts, such as { "x-request-id": "4711" }');
  end if;
  if (select count(*) from jsonb_object_keys(value)) > 100 then
    perform jobd.refuse(format('Too many headers: %s are more than 100',
      (select count(*) from jsonb_object_keys(value))));
  end if;
  for field in select e.key as given, lower(e.key collate "C") as name, e.value from jsonb_each(value) as e loop
    if length(field.given) > 128 or field.given !~ '^[A-Za-z0-9][A-Za-z0-9_.-]*$' then
      perform jobd.refuse_value('header name', to_jsonb(field.given),
        '1 to 128 letters, digits or _ . -, the first a letter or digit');
    end if;
    if jsonb_typeof(field.value) <> 'string' or field.value #>> '{}' ~ '[\u0001-\u001F\u007F-\u009F]' then
      perform jobd.refuse_value('header ' || to_json(field.given), field.value, 'a text without control characters');
    end if;
    if field.name = any (names) then
      perform jobd.refuse('Two headers have the same name, apart from upper and lower case');
    end if;
    names := names || field.name;
    bytes := bytes + octet_length(field.name) + octet_length(field.value #>> '{}');
    fields := fields || (to_json(field.name) || ':' || to_json(field.value #>> '{}'));
  end loop;
  if bytes > 16384 then
    perform jobd.refuse(format('Invalid headers: %s bytes are more than the 16384 allowed', bytes),
      'Data for the handler belongs into the payload.');
  end if;
  return '{' || array_to_string(fields, ',') || '}';
end $$;

-- What job.options holds, as JSON.stringify would write it.
create or replace function jobd.read_options(request jsonb, uniqueness jsonb) returns text language plpgsql as $$
declare
  fields text[] := '{}';
begin
  if not jobd.is_absent(request -> 'timeout') then
    fields := fields || ('"timeoutMs":' || jobd.read_duration('timeout', request -> 'timeout', 1));
  end if;
  if not jobd.is_absent(request -> 'backoff') then
    fields := fields || ('"backoff":' || jobd.read_backoff(request -> 'backoff'));
  end if;
  if not jobd.is_absent(request -> 'retention') then
    fields := fields || ('"retentionMs":' || jobd.read_duration('retention', request -> 'retention'));
  end if;
  if not jobd.is_absent(request -> 'ttl') then
    fields := fields || ('"ttlMs":' || jobd.read_duration('ttl', request -> 'ttl', 1));
  end if;
  if not jobd.is_absent(request -> 'limitKey') then
    fields := fields || ('"limitKey":' || to_json(jobd.read_text('limit key', request -> 'limitKey', 255)));
  end if;
  if not jobd.is_absent(request -> 'limitWeight') then
    fields := fields || ('"limitWeight":' || jobd.read_integer('limit weight', request -> 'limitWeight', 1, 1000000,
      'an integer from 1 to 1000000'));
  end if;
  if not jobd.is_absent(request -> 'origin') then
    fields := fields || ('"origin":' || to_json(jobd.read_text('origin', request -> 'origin', 256)));
  end if;
  if not jobd.is_absent(request -> 'tags') then
    fields := fields || ('"tags":' || jobd.read_tags(request -> 'tags'));
  end if;
  if not jobd.is_absent(request -> 'meta') then
    if jsonb_typeof(request -> 'meta') <> 'object' then
      perform jobd.refuse_value('meta', request -> 'meta', 'an object');
    end if;
    fields := fields || ('"meta":' || jobd.read_json('meta', (request -> 'meta')::text, 16384, 16, 1000));
  end if;
  if not jobd.is_absent(request -> 'headers') then
    fields := fields || ('"headers":' || jobd.read_headers(request -> 'headers'));
  end if;
  -- A key and nothing else is stored as it always was.
  if uniqueness - 'key' = '{}' then
    fields := fields || ('"uniqueKey":' || (uniqueness -> 'key')::text);
  elsif uniqueness is not null then
    fields := fields || format('"unique":{%s}', concat_ws(',', '"key":' || (uniqueness -> 'key')::text,
      '"scope":' || (uniqueness -> 'scope')::text, '"onConflict":' || (uniqueness -> 'onConflict')::text));
  end if;
  return '{' || array_to_string(fields, ',') || '}';
end $$;

create or replace function jobd.refuse_unknown(request jsonb) returns void language plpgsql as $$
declare
  known text[] := array['type', 'payload', 'id', 'namespace', 'queue', 'priority', 'delay', 'runAt', 'maxAttempts',
    'timeout', 'ttl', 'backoff', 'retention', 'uniqueKey', 'limitKey', 'limitWeight', 'unique', 'after', 'tags',
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
end $$;

-- The argument is the last one, so that calls by position mean what they meant.

drop function jobd.enqueue(text, text, text, anycompatible, interval, timestamptz, integer, interval, interval,
  jsonb, interval, text, text, text, text, integer, text[], text, jsonb, text, uuid, boolean);
drop function jobd.enqueue(text, jsonb, text, anycompatible, interval, timestamptz, integer, interval, interval,
  jsonb, interval, text, text, text, text, integer, text[], text, jsonb, text, uuid, boolean);
drop function jobd.enqueue(text, json, text, anycompatible, interval, timestamptz, integer, interval, interval,
  jsonb, interval, text, text, text, text, integer, text[], text, jsonb, text, uuid, boolean);

create function jobd.enqueue(
  type text,
  payload text,
  queue text default 'default',
  priority anycompatible default 0,
  delay interval default null,
  run_at timestamptz default null,
  max_attempts integer default null,
  timeout interval default null,
  ttl interval default null,
  backoff jsonb default null,
  retention interval default null,
  unique_key text default null,
  unique_scope text default null,
  on_conflict text default null,
  limit_key text default null,
  limit_weight integer default null,
  tags text[] default null,
  origin text default null,
  meta jsonb default null,
  namespace text default 'default',
  id uuid default null,
  notify boolean default true,
  headers jsonb default null
) returns jobd.enqueued
language plpgsql set search_path = pg_catalog, pg_temp set standard_conforming_strings = on as $$
declare
  now_ms bigint := jobd.now_ms();
  request jsonb := jsonb_build_object('type', type, 'queue', queue, 'priority', priority,
    'delay', round(extract(epoch from delay) * 1000), 'runAt', round(extract(epoch from run_at) * 1000),
    'maxAttempts', max_attempts, 'timeout', round(extract(epoch from timeout) * 1000),
    'ttl', round(extract(epoch from ttl) * 1000), 'backoff', backoff,
    'retention', round(extract(epoch from retention) * 1000),
    'unique', jobd.unique_of(unique_key, unique_scope, on_conflict), 'limitKey', limit_key,
    'limitWeight', limit_weight, 'tags', tags, 'origin', origin, 'meta', meta, 'namespace', namespace, 'id', id,
    'headers', headers);
  answer jobd.enqueued;
begin
  select * into answer from jobd.add_jobs(
    array[jobd.read_job(request, coalesce(payload, '{}'), now_ms)], now_ms, coalesce(notify, true));
  return answer;
end $$;

create function jobd.enqueue(
  type text,
  payload jsonb,
  queue text default 'default',
  priority anycompatible default 0,
  delay interval default null,
  run_at timestamptz default null,
  max_attempts integer default null,
  timeout interval default null,
  ttl interval default null,
  backoff jsonb default null,
  retention interval default null,
  unique_key text default null,
  unique_scope text default null,
  on_conflict text default null,
  limit_key text default null,
  limit_weight integer default null,
  tags text[] default null,
  origin text default null,
  meta jsonb default null,
  namespace text default 'default',
  id uuid default null,
  notify boolean default true,
  headers jsonb default null
) returns jobd.enqueued
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  return jobd.enqueue(type, payload::text, queue, priority, delay, run_at, max_attempts, timeout, ttl, backoff,
    retention, unique_key, unique_scope, on_conflict, limit_key, limit_weight, tags, origin, meta, namespace, id,
    notify, headers);
end $$;

create function jobd.enqueue(
  type text default null,
  payload json default '{}',
  queue text default 'default',
  priority anycompatible default 0,
  delay interval default null,
  run_at timestamptz default null,
  max_attempts integer default null,
  timeout interval default null,
  ttl interval default null,
  backoff jsonb default null,
  retention interval default null,
  unique_key text default null,
  unique_scope text default null,
  on_conflict text default null,
  limit_key text default null,
  limit_weight integer default null,
  tags text[] default null,
  origin text default null,
  meta jsonb default null,
  namespace text default 'default',
  id uuid default null,
  notify boolean default true,
  headers jsonb default null
) returns jobd.enqueued
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  return jobd.enqueue(type, payload::text, queue, priority, delay, run_at, max_attempts, timeout, ttl, backoff,
    retention, unique_key, unique_scope, on_conflict, limit_key, limit_weight, tags, origin, meta, namespace, id,
    notify, headers);
end $$;

comment on function jobd.enqueue(text, text, text, anycompatible, interval, timestamptz, integer, interval, interval,
  jsonb, interval, text, text, text, text, integer, text[], text, jsonb, text, uuid, boolean, jsonb)
  is 'Adds a job as part of the transaction; payload is JSON text';
comment on function jobd.enqueue(text, jsonb, text, anycompatible, interval, timestamptz, integer, interval, interval,
  jsonb, interval, text, text, text, text, integer, text[], text, jsonb, text, uuid, boolean, jsonb)
  is 'Adds a job as part of the transaction';
comment on function jobd.enqueue(text, json, text, anycompatible, interval, timestamptz, integer, interval, interval,
  jsonb, interval, text, text, text, text, integer, text[], text, jsonb, text, uuid, boolean, jsonb)
  is 'Adds a job as part of the transaction';
