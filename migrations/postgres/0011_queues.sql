-- Since when a queue is removed. Its row stays, because other programs, and transactions under way, know its id: the next job
-- that comes takes the mark away.
alter table jobd.queue add column removed_at timestamptz;
create index queue_removed on jobd.queue (id) where removed_at is not null;

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

-- A field that is null is one that was not given.
create or replace function jobd.read_job(request jsonb, payload text, now_ms bigint) returns jobd.new_job language plpgsql as $$
declare
  job jobd.new_job;
  type jsonb := nullif(request -> 'type', 'null');
  uniqueness jsonb := jobd.read_unique(request);
begin
  job.payload := jobd.read_json('payload', payload, 262144, 64, 10000);
  if type is null then
    type := job.payload::jsonb -> 'type';
    if jsonb_typeof(type) is distinct from 'string' then type := '"claude"'; end if;
  end if;
  if jobd.is_absent(request -> 'id') then
    job.id := jobd.new_id(now_ms);
  elsif request ->> 'id' !~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
    perform jobd.refuse_value('job id', request -> 'id', 'a UUID in lower case');
  else
    job.id := (request ->> 'id')::uuid;
  end if;
  job.namespace := jobd.read_name('namespace', coalesce(nullif(request -> 'namespace', 'null'), '"default"'));
  -- In two parts, because this is not the name of the schema.
  if starts_with(job.namespace, 'jobd' || '.') then
    perform jobd.refuse_value('namespace', to_jsonb(job.namespace),
      'for programs: names that begin with jobd' || '. are kept for jobd itself');
  end if;
  job.queue := jobd.read_name('queue', coalesce(nullif(request -> 'queue', 'null'), '"default"'));
  job.type := jobd.read_name('type', type);
  -- Null: as the queue says.
  if not jobd.is_absent(request -> 'priority') then job.priority := jobd.read_priority(request -> 'priority'); end if;
  if not jobd.is_absent(request -> 'maxAttempts') then
    job.max_attempts := jobd.read_integer('maxAttempts', request -> 'maxAttempts', 1, 1000,
      'an integer from 1 to 1000');
  end if;
  job.run_at := jobd.read_start(request, now_ms);
  job.options := jobd.read_options(request, uniqueness);
  if not jobd.is_absent(request -> 'ttl') then
    job.expire_at := least(now_ms + jobd.read_duration('ttl', request -> 'ttl'), 32503679999999);
  end if;
  job.unique_lock := jobd.unique_lock(uniqueness, job.namespace, job.type, job.queue);
  job.must_be_new := coalesce(uniqueness ->> 'onConflict' = 'fail', false);
  return job;
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
  priority anycompatible default null::integer,
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
  priority anycompatible default null::integer,
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
  priority anycompatible default null::integer,
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

-- As before, with the queue's priority for jobs that name none; and a removed queue that jobs come into is there again.
create or replace function jobd.add_jobs(jobs jobd.new_job[], now_ms bigint, notify boolean) returns setof jobd.enqueued
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  positions jsonb;
  waiting boolean[] := array_fill(true, array[cardinality(jobs)]);
  answers jobd.enqueued[] := array_fill(null::jobd.enqueued, array[cardinality(jobs)]);
  queue_ids bigint[] := '{}';
  ranks smallint[] := '{}';
  seqs bigint[] := '{}';
  scheduled boolean := false;
  made record;
  n integer;
  left_locks text[];
begin
  perform jobd.refuse_twins(jobs, now_ms);
  insert into jobd.queue (namespace, name, created_at)
  select w.namespace, w.queue, to_timestamp(now_ms::float8 / 1000)
  from (select distinct namespace, queue from unnest(jobs)) w
  where not exists (select 1 from jobd.queue q where q.namespace = w.namespace and q.name = w.queue)
  order by (w.namespace || E'\n' || w.queue) collate "C"
  on conflict do nothing;

  for round in 1..10 loop
    -- Places in the list by id: of several with the same id the first that waits. A join by id would compare all with all,
    -- because plans are made for a few jobs.
    positions := (select jsonb_object_agg(p.id, p.n) from (
      select w.id, min(w.ordinality) as n from unnest(jobs) with ordinality as w
      where waiting[w.ordinality] group by w.id) p);
    -- The transaction has its number before the place: see src/storage/postgres/floor.ts.
    for made in
      with ordered as (
        select j.*, q.id as queue_id, coalesce(j.priority, (q.settings ->> 'priority')::smallint, 0::smallint) as level,
          coalesce(j.max_attempts, (q.settings ->> 'maxAttempts')::smallint, 5) as attempts,
          case when j.expire_at is null then (q.settings ->> 'ttlMs')::bigint end as queue_ttl_ms
        from unnest(jobs) with ordinality as j
        join jobd.queue q on q.namespace = j.namespace and q.name = j.queue
        where waiting[j.ordinality] and (positions ->> j.id::text)::bigint = j.ordinality
        order by j.ordinality
      ), input as materialized (
        select *, case when run_at <= now_ms then
          case when pg_current_xact_id() is not null then nextval('jobd.ready_seq') end end as seq
        from ordered
      ), added as (
        insert into jobd.job (id, queue_id, type, priority, state, max_attempts, seq, created_at, run_at, expire_at,
          payload, options, unique_lock)
        select id, queue_id, type, level, case when seq is null then 'scheduled' else 'available' end, attempts, seq,
          to_timestamp(now_ms::float8 / 1000), to_timestamp(run_at::float8 / 1000),
          to_timestamp(case when queue_ttl_ms is null then expire_at
            else least(now_ms + queue_ttl_ms, 32503679999999) end::float8 / 1000),
          payload::json,
          case when queue_ttl_ms is null then options
            else format('{"ttlMs":%s%s', queue_ttl_ms, case options when '{}' then '}' else ',' || substr(options, 2) end)
          end::json,
          unique_lock
        from input order by unique_lock, ordinality
        on conflict do nothing
        returning id, queue_id, priority, seq, type, run_at
      ), made_ready as (
        insert into jobd.ready (queue_id, rank, seq, job_id, type)
        select queue_id, -priority, seq, id, type from added where seq is not null
      ), made_scheduled as (
        insert into jobd.scheduled (run_at, job_id) select run_at, id from added where seq is null
      )
      select id, queue_id, -priority as rank, seq from added
    loop
      n := positions ->> made.id::text;
      waiting[n] := false;
      answers[n] := row(made.id, 'created', case when made.seq is null then 'scheduled' else 'available' end);
      queue_ids := queue_ids || made.queue_id;
      ranks := ranks || made.rank::smallint;
      seqs := seqs || made.seq;
      if made.seq is null then scheduled := true; end if;
    end loop;
    exit when true <> all (waiting);
    -- What was in the way; if it went away meanwhile, its rival has another try.
    left_locks := '{}';
    for made in
      select w.ordinality as n, w.type, w.unique_lock, w.options, w.must_be_new, holder.*
      from unnest(jobs) with ordinality as w
      cross join lateral (
        select j.id, j.state, true as same, true as holds from jobd.job j where j.id = w.id
        union all
        select j.id, j.state, false, jobd.holds_key(j.state, j.options -> 'unique') from jobd.job j
        where j.unique_lock = w.unique_lock
        order by same desc
        limit 1
      ) holder
      where waiting[w.ordinality]
      order by w.ordinality
    loop
      if not made.holds then
        left_locks := left_locks || made.unique_lock;
        continue;
      elsif made.must_be_new and not made.same then
        perform jobd.refuse_twin(made.type, made.options, made.id, made.state);
      end if;
      waiting[made.n] := false;
      answers[made.n] := row(made.id, 'existing', made.state);
    end loop;
    if left_locks <> '{}' then
      perform jobd.take_turn(left_locks);
      update jobd.job j set unique_lock = null
      where j.unique_lock = any (left_locks) and not jobd.holds_key(j.state, j.options -> 'unique');
    end if;
    exit when true <> all (waiting);
  end loop;
  if true = any (waiting) then
    raise exception using errcode = '40001', hint = 'Try again.',
      message = 'store_unavailable: Other jobs with the same unique keys come and go too fast';
  end if;
  if exists (select 1 from jobd.queue q where q.removed_at is not null and q.id = any (queue_ids)) then
    update jobd.queue q set removed_at = null, created_at = to_timestamp(now_ms::float8 / 1000)
    where q.removed_at is not null and q.id = any (queue_ids);
  end if;
  if notify then perform jobd.tell(queue_ids, ranks, seqs, scheduled); end if;
  return query select * from unnest(answers);
end $$;
