-- Enqueueing by SQL: jobd.enqueue and jobd.enqueue_many make every program that speaks SQL, and every trigger, a producer.
-- They check what src/domain/request.ts checks and write what src/storage/postgres/insert.ts writes; the other functions
-- are their parts. All run with the rights of the caller.

-- What the functions answer for a job.
create type jobd.enqueued as (
  id uuid,                         -- the job that now exists: the new one, or the one that was in the way
  outcome text,                    -- created or existing
  state text                       -- its state at that moment
);

-- A job that is complete, but for what only its queue knows. Instants are epoch milliseconds.
create type jobd.new_job as (
  id uuid,
  namespace text,
  queue text,
  type text,
  priority smallint,
  max_attempts smallint,           -- null: as the queue says
  run_at bigint,
  expire_at bigint,                -- null: as the queue says
  payload text,
  options text,
  unique_lock text,
  must_be_new boolean              -- the call fails when another job holds the lock
);

-- ── reading a request ───────────────────────────────────────────────────────────────────────────────────────────

create function jobd.refuse(message text, hint text default null) returns void language plpgsql as $$
begin
  if hint is null then
    raise exception using errcode = '22023', message = 'invalid_request: ' || message;
  end if;
  raise exception using errcode = '22023', message = 'invalid_request: ' || message, hint = hint;
end $$;

create function jobd.refuse_value(what text, value jsonb, allowed text, hint text default null) returns void
language plpgsql as $$
declare
  shown text := value::text;
begin
  if length(shown) > 80 then shown := left(shown, 77) || '...'; end if;
  perform jobd.refuse(format('Invalid %s: %s is not %s', what, shown, allowed), hint);
end $$;

-- A value that was not given: missing, or null.
create function jobd.is_absent(value jsonb) returns boolean language sql immutable as $$
  select value is null or jsonb_typeof(value) = 'null'
$$;

create function jobd.read_name(what text, value jsonb) returns text language plpgsql as $$
begin
  if jsonb_typeof(value) <> 'string' or value #>> '{}' !~ '^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,126}$' then
    perform jobd.refuse_value(what, value,
      'a name of 1 to 127 letters, digits or _ . : / - that begins with a letter, digit or _');
  end if;
  return value #>> '{}';
end $$;

-- Characters are counted as JavaScript does it: those beyond U+FFFF are two.
create function jobd.read_text(what text, value jsonb, most integer) returns text language plpgsql as $$
declare
  given text := value #>> '{}';
begin
  if jsonb_typeof(value) <> 'string' or given = '' or length(given) > most or
    length(given) + length(regexp_replace(given, '[\u0001-\uFFFF]', '', 'g')) > most then
    perform jobd.refuse_value(what, value, format('a text of 1 to %s characters', most));
  end if;
  return given;
end $$;

create function jobd.read_integer(what text, value jsonb, lowest integer, highest integer, allowed text) returns integer
language plpgsql as $$
begin
  if jsonb_typeof(value) = 'number' and value::numeric between lowest and highest and
    value::numeric = trunc(value::numeric) then
    return value::numeric::integer;
  end if;
  perform jobd.refuse_value(what, value, allowed);
end $$;

create function jobd.read_priority(value jsonb) returns smallint language plpgsql as $$
declare
  given text := value #>> '{}';
  named smallint;
begin
  if jsonb_typeof(value) = 'string' then
    named := case given when 'critical' then 20 when 'high' then 10 when 'medium' then 0 when 'low' then -10 end;
    if named is not null then return named; end if;
    if given ~ '^-?[0-9]{1,6}$' and given::integer between -32767 and 32767 then return given::smallint; end if;
  end if;
  return jobd.read_integer('priority', value, -32767, 32767,
    'an integer from -32767 to 32767 or one of critical, high, medium, low');
end $$;

-- Milliseconds; null when the text is no duration.
create function jobd.parse_duration(given text) returns numeric language sql immutable as $$
  select case
    when given = '0' then 0
    when length(given) <= 64 and given ~ '^([0-9]+(\.[0-9]+)?(ms|[dhms]))+$' then (
      select sum(part[1]::numeric *
        case part[2] when 'd' then 86400000 when 'h' then 3600000 when 'm' then 60000 when 's' then 1000 else 1 end)
      from regexp_matches(given, '([0-9]+(?:\.[0-9]+)?)(ms|[dhms])', 'g') as part)
  end
$$;

create function jobd.read_duration(what text, value jsonb, lowest bigint default 0) returns bigint language plpgsql as $$
declare
  ms numeric := case jsonb_typeof(value)
    when 'number' then value::numeric
    when 'string' then jobd.parse_duration(value #>> '{}')
  end;
begin
  if ms is null or ms not between 0 and 3153600000000 then
    perform jobd.refuse_value(what, value, 'a duration between 0 and 100 years',
      'Give an interval, or in JSON milliseconds or text like "30s", "5m", "1h30m", "7d" or "250ms".');
  end if;
  if round(ms) < lowest then perform jobd.refuse_value(what, value, 'longer than 0'); end if;
  return round(ms);
end $$;

-- Epoch milliseconds; null when the text is no instant. Text without a zone is UTC.
create function jobd.parse_instant(given text) returns numeric language plpgsql as $$
begin
  if given ~ '^\d{4}-\d{2}-\d{2}$' then
    given := given || 'T00:00:00Z';
  elsif given ~ '^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:[0-5]\d(\.\d{1,9})?)?$' then
    given := given || 'Z';
  elsif given !~ '^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$' then
    return null;
  end if;
  return floor(extract(epoch from given::timestamptz) * 1000);
exception when data_exception then
  return null;
end $$;

create function jobd.read_instant(what text, value jsonb) returns bigint language plpgsql as $$
declare
  ms numeric := case jsonb_typeof(value)
    when 'number' then value::numeric
    when 'string' then jobd.parse_instant(value #>> '{}')
  end;
begin
  if ms is null or ms not between 0 and 32503679999999 then
    perform jobd.refuse_value(what, value, 'a time between 1970 and 2999',
      'Give a timestamptz, or in JSON text like "2026-12-24T18:00:00Z" or "2026-12-24T18:00:00+01:00".');
  end if;
  return round(ms);
end $$;

create function jobd.read_tags(value jsonb) returns text language plpgsql as $$
declare
  tags text[] := '{}';
  item jsonb;
  tag text;
begin
  if jsonb_typeof(value) <> 'array' or jsonb_array_length(value) > 32 then
    perform jobd.refuse_value('tags', value, 'a list of at most 32 texts');
  end if;
  for item in select * from jsonb_array_elements(value) loop
    tag := jobd.read_text('tag', item, 128);
    if tag <> all (tags) then tags := tags || tag; end if;
  end loop;
  return array_to_json(tags)::text;
end $$;

create function jobd.read_backoff(value jsonb) returns text language plpgsql as $$
declare
  base bigint;
  longest bigint;
  jitter text;
  field text;
begin
  if jsonb_typeof(value) <> 'object' then
    perform jobd.refuse_value('backoff', value, 'an object with base, max or jitter');
  end if;
  for field in select * from jsonb_object_keys(value) loop
    if field not in ('base', 'max', 'jitter') then
      perform jobd.refuse_value('backoff field', to_jsonb(field), 'one of base, max, jitter');
    end if;
  end loop;
  if not jobd.is_absent(value -> 'max') then longest := jobd.read_duration('backoff maximum', value -> 'max'); end if;
  if not jobd.is_absent(value -> 'base') then base := jobd.read_duration('backoff base', value -> 'base'); end if;
  jitter := coalesce(value ->> 'jitter', 'equal');
  if jitter not in ('none', 'full', 'equal', 'decorrelated') then
    perform jobd.refuse_value('jitter', value -> 'jitter', 'one of none, full, equal, decorrelated');
  end if;
  base := coalesce(base, least(10000, longest));
  longest := coalesce(longest, greatest(3600000, base));
  if base > longest then
    perform jobd.refuse_value('backoff base', value -> 'base', format('at most the maximum of %s ms', longest));
  end if;
  return format('{"baseMs":%s,"maxMs":%s,"jitter":"%s"}', base, longest, jitter);
end $$;

-- ── reading JSON ────────────────────────────────────────────────────────────────────────────────────────────────

-- JSON with a " in place of each text: what is left to count is the shape.
create function jobd.json_shape(document text) returns text language sql immutable as $$
  select regexp_replace(document, '"(?:[^"\\]|\\.)*"', '"', 'g')
$$;

create function jobd.count_of(part text, whole text) returns integer language sql immutable as $$
  select (length(whole) - length(replace(whole, part, ''))) / length(part)
$$;

create function jobd.is_deeper(shape text, depth integer) returns boolean language plpgsql immutable as $$
declare
  nested text := translate(regexp_replace(shape, '[^][{}]+', '', 'g'), '[]{}', '()()');
begin
  if length(nested) <= 2 * depth then return false; end if;
  -- Each round takes the innermost level away.
  for level in 1..depth loop
    nested := replace(nested, '()', '');
    if nested = '' then return false; end if;
  end loop;
  return true;
end $$;

-- The first number that a program which reads JSON into doubles would not get as it is written; null for none.
create function jobd.lost_number(shape text) returns text language sql immutable as $$
  select given from (
    select found[1] as given, abs(found[1]::numeric) as size
    from regexp_matches(shape, '-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?', 'g') as found
  ) numbers
  where case
    when size < 9007199254740991 then false
    when size < 1e22 then size::float8 > 9007199254740991 and size::float8 < 1e21
    else size >= 1.7976931348623159e308
  end
  limit 1
$$;

-- JSON that a person or program wrote, as text without spaces between its parts. Refuses what PostgreSQL's json lets pass
-- but not every reader can keep, and what is beyond the limits.
create function jobd.read_json(what text, given text, max_bytes integer, max_depth integer, max_items integer)
returns text language plpgsql as $$
declare
  document text;
  compact text;
  shape text;
  reason text;
begin
  begin
    document := given::jsonb::text;
  exception when data_exception or statement_too_complex then
    get stacked diagnostics reason = pg_exception_detail;
    perform jobd.refuse(format('Invalid %s: %s', what, sqlerrm), nullif(reason, ''));
  end;
  compact := regexp_replace(given, '("(?:[^"\\]|\\.)*")|[ \t\n\r]+', '\1', 'g');
  shape := jobd.json_shape(compact);
  if octet_length(compact) > max_bytes then
    perform jobd.refuse(
      format('Invalid %s: %s bytes are more than the %s allowed', what, octet_length(compact), max_bytes),
      'Keep large data elsewhere and pass its address.');
  end if;
  -- Commas, and one more item in each container that is not empty.
  if jobd.count_of(',', shape) + jobd.count_of('[', shape) + jobd.count_of('{', shape)
    - jobd.count_of('[]', shape) - jobd.count_of('{}', shape) > max_items then
    reason := format('it has more than %s keys and items', max_items);
  elsif jobd.is_deeper(shape, max_depth) then
    reason := format('it is nested deeper than %s levels', max_depth);
  elsif shape ~ '[0-9]{16}|[0-9][eE]' and jobd.lost_number(shape) is not null then
    reason := format('%s would lose digits; pass it as a string', left(jobd.lost_number(shape), 80));
  elsif document ~ '[{ ]"__proto__": ' then
    reason := 'the key "__proto__" is not allowed';
  -- jsonb keeps one of several equal keys.
  elsif jobd.count_of(':', shape) > jobd.count_of(':', jobd.json_shape(document)) then
    reason := 'a key appears twice in one object';
  end if;
  if reason is not null then perform jobd.refuse(format('Invalid %s: %s', what, reason)); end if;
  return compact;
end $$;

-- ── a request becomes a job ─────────────────────────────────────────────────────────────────────────────────────

create function jobd.now_ms() returns bigint language sql as $$
  select round(date_part('epoch', clock_timestamp()) * 1000)::bigint
$$;

-- A UUID of version 7 (RFC 9562 §5.7): 48 bits of time, then chance.
create function jobd.new_id(now_ms bigint) returns uuid language sql as $$
  select (lpad(to_hex(now_ms), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
$$;

create function jobd.read_start(request jsonb, now_ms bigint) returns bigint language plpgsql as $$
begin
  if not jobd.is_absent(request -> 'delay') then
    if not jobd.is_absent(request -> 'runAt') then
      perform jobd.refuse('A job cannot have both a delay and a start time', 'Give one of the two.');
    end if;
    return least(now_ms + jobd.read_duration('delay', request -> 'delay'), 32503679999999);
  end if;
  if jobd.is_absent(request -> 'runAt') then return now_ms; end if;
  return jobd.read_instant('start time', request -> 'runAt');
end $$;

create function jobd.read_word(what text, value jsonb, known text[]) returns text language plpgsql as $$
begin
  if jsonb_typeof(value) <> 'string' or value #>> '{}' <> all (known) then
    perform jobd.refuse_value(what, value, 'one of ' || array_to_string(known, ', '));
  end if;
  return value #>> '{}';
end $$;

-- What makes a job unique, as options.unique holds it; null for nothing. SQL knows keys, for all else see
-- src/domain/unique_request.ts: refused here, not passed over.
create function jobd.read_unique(request jsonb) returns jsonb language plpgsql as $$
declare
  given jsonb := nullif(request -> 'unique', 'null');
  known text[] := array['key', 'fields', 'scope', 'per', 'states', 'onConflict', 'replace', 'maxWait', 'defer'];
  hint text := 'SQL knows a key, its scope, and the policies keep and fail. The library knows the rest.';
  field text;
  policy text;
  scope text;
begin
  if given is null then
    if jobd.is_absent(request -> 'uniqueKey') then return null; end if;
    return jsonb_build_object('key', jobd.read_text('unique key', request -> 'uniqueKey', 512));
  end if;
  if not jobd.is_absent(request -> 'uniqueKey') then
    perform jobd.refuse('A job cannot have both uniqueKey and unique', 'Give the key as `unique: { key }`.');
  end if;
  if jsonb_typeof(given) <> 'object' then
    perform jobd.refuse_value('unique', given, 'an object such as { key: "k" } or { fields: ["user.id"] }');
  end if;
  for field in select * from jsonb_object_keys(given) loop
    if field <> all (known) then
      perform jobd.refuse('Unknown field ' || to_json(field) || ' of unique',
        format('Known fields: %s.', array_to_string(known, ', ')));
    end if;
  end loop;
  policy := jobd.read_word('unique onConflict', coalesce(nullif(given -> 'onConflict', 'null'), '"keep"'),
    array['keep', 'replace', 'debounce', 'throttle', 'cancel', 'fail']);
  if policy not in ('keep', 'fail') then
    perform jobd.refuse(format('Invalid unique: SQL has no policy %s', policy), hint);
  end if;
  for field in select * from jsonb_object_keys(given) loop
    if field not in ('key', 'scope', 'onConflict') and not jobd.is_absent(given -> field) then
      perform jobd.refuse(format('Invalid unique: SQL has no %s', field), hint);
    end if;
  end loop;
  scope := jobd.read_word('unique scope', coalesce(nullif(given -> 'scope', 'null'), '"type"'),
    array['type', 'queue', 'namespace']);
  if jobd.is_absent(given -> 'key') then
    perform jobd.refuse('Invalid unique: SQL needs a key', hint);
  end if;
  return jsonb_strip_nulls(jsonb_build_object('key', jobd.read_text('unique key', given -> 'key', 512),
    'scope', nullif(scope, 'type'), 'onConflict', nullif(policy, 'keep')));
end $$;

-- What the unique index holds for a job: see uniqueLock in src/domain/unique.ts. Names have nothing that JSON escapes.
create function jobd.unique_lock(uniqueness jsonb, namespace text, type text, queue text) returns text
language sql immutable as $$
  select case uniqueness ->> 'scope'
    when 'queue' then format('["queue","%s","%s","%s",null,null]', namespace, type, queue)
    when 'namespace' then format('["namespace","%s",null,null]', namespace)
    else namespace || E'\n' || type
  end || E'\n' || (uniqueness ->> 'key')
$$;

-- What job.options holds, as JSON.stringify would write it.
create function jobd.read_options(request jsonb, uniqueness jsonb) returns text language plpgsql as $$
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
  -- A key and nothing else is stored as it always was.
  if uniqueness - 'key' = '{}' then
    fields := fields || ('"uniqueKey":' || (uniqueness -> 'key')::text);
  elsif uniqueness is not null then
    fields := fields || format('"unique":{%s}', concat_ws(',', '"key":' || (uniqueness -> 'key')::text,
      '"scope":' || (uniqueness -> 'scope')::text, '"onConflict":' || (uniqueness -> 'onConflict')::text));
  end if;
  return '{' || array_to_string(fields, ',') || '}';
end $$;

create function jobd.refuse_unknown(request jsonb) returns void language plpgsql as $$
declare
  known text[] := array['type', 'payload', 'id', 'namespace', 'queue', 'priority', 'delay', 'runAt', 'maxAttempts',
    'timeout', 'ttl', 'backoff', 'retention', 'uniqueKey', 'limitKey', 'limitWeight', 'unique', 'after', 'tags',
    'origin', 'meta'];
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

-- The list of requests that was given as JSON text.
create function jobd.read_list(given text) returns json language plpgsql as $$
declare
  reason text;
begin
  if json_typeof(given::json) <> 'array' then perform jobd.refuse_value('jobs', given::jsonb, 'a list'); end if;
  return given::json;
exception when invalid_text_representation or statement_too_complex then
  get stacked diagnostics reason = pg_exception_detail;
  perform jobd.refuse('Invalid jobs: ' || sqlerrm, nullif(reason, ''));
end $$;

create function jobd.read_request(item json) returns jsonb language plpgsql as $$
declare
  request jsonb;
  reason text;
begin
  begin
    request := item::jsonb;
  exception when data_exception then
    get stacked diagnostics reason = pg_exception_detail;
    perform jobd.refuse('Invalid job: ' || sqlerrm, nullif(reason, ''));
  end;
  if jsonb_typeof(request) <> 'object' then perform jobd.refuse_value('job', request, 'an object'); end if;
  perform jobd.refuse_unknown(request);
  return request;
end $$;

-- A field that is null is one that was not given.
create function jobd.read_job(request jsonb, payload text, now_ms bigint) returns jobd.new_job language plpgsql as $$
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
  job.queue := jobd.read_name('queue', coalesce(nullif(request -> 'queue', 'null'), '"default"'));
  job.type := jobd.read_name('type', type);
  job.priority := case when jobd.is_absent(request -> 'priority') then 0
    else jobd.read_priority(request -> 'priority') end;
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

-- ── storing ─────────────────────────────────────────────────────────────────────────────────────────────────────

-- Tells workers, when the transaction commits, where jobs became available: the first place of each lane. Once a
-- transaction has told of a lane, its later places in it need no words: they are higher.
create function jobd.tell(queue_ids bigint[], ranks smallint[], seqs bigint[], scheduled boolean) returns void
language plpgsql as $$
declare
  channel text := 'jobd_' || btrim(split_part('jobd.job', '.', 1), '"');
  memory text := channel || '.told';
  told text := coalesce(nullif(current_setting(memory, true), ''), ' ');
  names text;
  lanes text;
  words text[] := array['"from":"SQL"'];
begin
  if told = ' all ' then return; end if;
  select string_agg(l.name || ' ', ''), string_agg(format('[%s,%s,%s]', l.queue_id, l.rank, l.seq), ',')
  into names, lanes
  from (
    select queue_id, rank, min(seq) as seq, queue_id || ':' || rank as name
    from unnest(queue_ids, ranks, seqs) as r(queue_id, rank, seq) where seq is not null group by queue_id, rank
  ) l
  where strpos(told, ' ' || l.name || ' ') = 0;
  scheduled := scheduled and strpos(told, ' scheduled ') = 0;
  if lanes is null and not scheduled then return; end if;
  told := told || coalesce(names, '') || case when scheduled then 'scheduled ' else '' end;
  if length(told) > 2000 then
    -- A notification holds no more than 8000 bytes, so this one names no lanes.
    told := ' all ';
    words := words || '"any":true'::text;
  else
    if lanes is not null then words := words || ('"lanes":[' || lanes || ']'); end if;
    if scheduled then words := words || '"scheduled":true'::text; end if;
  end if;
  perform pg_notify(channel, '{' || array_to_string(words, ',') || '}');
  perform set_config(memory, told, true);
end $$;

-- Whether a job in this state still holds its unique key: see holdsKey in src/domain/unique.ts.
create function jobd.holds_key(state text, uniqueness json) returns boolean language sql immutable as $$
  select case
    when state in ('scheduled', 'blocked', 'available') then true
    when state = 'running' then uniqueness ->> 'whileRunning' is distinct from 'false'
    else coalesce(jsonb_exists((uniqueness -> 'afterwards')::jsonb, state), false)
  end
$$;

-- Waits until no other transaction contests the same unique locks: see turnQuery in src/storage/postgres/insert.ts.
create function jobd.take_turn(locks text[]) returns void language plpgsql as $$
declare
  first bigint := hashtextextended('jobd:' || btrim(split_part('jobd.job', '.', 1), '"') || ':unique', 0);
  number bigint;
begin
  for number in select distinct hashtextextended(l, 0) & 255 from unnest(locks) as l order by 1 loop
    perform pg_advisory_xact_lock(first + number);
  end loop;
end $$;

create function jobd.refuse_twin(type text, options text, holder uuid, state text) returns void language plpgsql as $$
begin
  raise exception using errcode = '23505',
    message = format('conflict: Job %s, which is %s, has the same unique key %s as the new job of type %s',
      holder, state, options::json #> '{unique,key}', type),
    hint = 'Nothing was enqueued. Wait for that job, cancel it, or choose another onConflict than fail.';
end $$;

-- Refuses jobs of which one must be the only one with its key, and another one of the same call has it too: see
-- src/storage/twins.ts.
create function jobd.refuse_twins(jobs jobd.new_job[], now_ms bigint) returns void language plpgsql as $$
declare
  twin record;
begin
  if cardinality(jobs) = 1 or not exists (select 1 from unnest(jobs) w where w.must_be_new) then return; end if;
  select * into twin from (
    select w.*, first_value(w.id) over same as first_id, first_value(w.run_at) over same as first_run_at
    from unnest(jobs) with ordinality as w
    where w.unique_lock is not null
    window same as (partition by w.unique_lock order by w.ordinality)
  ) t where t.must_be_new and t.first_id <> t.id order by t.ordinality limit 1;
  if found then
    perform jobd.refuse_twin(twin.type, twin.options, twin.first_id,
      case when twin.first_run_at > now_ms then 'scheduled' else 'available' end);
  end if;
end $$;

-- Stores jobs and answers for each of them, in order. Queues are made, and rows written, in an order that all who do it
-- keep, so that they wait for each other instead of deadlocking.
create function jobd.add_jobs(jobs jobd.new_job[], now_ms bigint, notify boolean) returns setof jobd.enqueued
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
        select j.*, q.id as queue_id, coalesce(j.max_attempts, (q.settings ->> 'maxAttempts')::smallint, 5) as attempts,
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
        select id, queue_id, type, priority, case when seq is null then 'scheduled' else 'available' end, attempts, seq,
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
  if notify then perform jobd.tell(queue_ids, ranks, seqs, scheduled); end if;
  return query select * from unnest(answers);
end $$;

-- ── what users call ─────────────────────────────────────────────────────────────────────────────────────────────

-- The arguments about uniqueness as a request has them.
create function jobd.unique_of(unique_key text, unique_scope text, on_conflict text) returns jsonb
language sql immutable as $$
  select nullif(jsonb_strip_nulls(
    jsonb_build_object('key', unique_key, 'scope', unique_scope, 'onConflict', on_conflict)), '{}')
$$;

-- Three functions that differ in the type of the payload, because PostgreSQL turns none of the three into another by
-- itself. The priority is a number or a name, which is what anycompatible lets be. A null is a value that was not given.

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
  notify boolean default true
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
    'limitWeight', limit_weight, 'tags', tags, 'origin', origin, 'meta', meta, 'namespace', namespace, 'id', id);
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
  notify boolean default true
) returns jobd.enqueued
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  return jobd.enqueue(type, payload::text, queue, priority, delay, run_at, max_attempts, timeout, ttl, backoff,
    retention, unique_key, unique_scope, on_conflict, limit_key, limit_weight, tags, origin, meta, namespace, id,
    notify);
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
  notify boolean default true
) returns jobd.enqueued
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  return jobd.enqueue(type, payload::text, queue, priority, delay, run_at, max_attempts, timeout, ttl, backoff,
    retention, unique_key, unique_scope, on_conflict, limit_key, limit_weight, tags, origin, meta, namespace, id,
    notify);
end $$;

-- Many jobs, all or none: a JSON list of requests with the fields of the library, such as "runAt" and "maxAttempts".
create function jobd.enqueue_many(jobs anycompatible, notify boolean default true) returns setof jobd.enqueued
language plpgsql set search_path = pg_catalog, pg_temp set standard_conforming_strings = on as $$
declare
  now_ms bigint := jobd.now_ms();
  list json;
  item json;
  request jsonb;
  made jobd.new_job[] := '{}';
  at integer := 0;
  hint text;
begin
  if jobs is null then return; end if;
  list := jobd.read_list(jobs::text);
  begin
    for item in select * from json_array_elements(list) loop
      at := at + 1;
      request := jobd.read_request(item);
      made := made || jobd.read_job(request,
        case when jsonb_exists(request, 'payload') then (item -> 'payload')::text else '{}' end, now_ms);
    end loop;
  exception when invalid_parameter_value then
    get stacked diagnostics hint = pg_exception_hint;
    raise exception using errcode = '22023', message = sqlerrm, hint = hint, detail = format('Job %s of the list', at);
  end;
  if at > 0 then return query select * from jobd.add_jobs(made, now_ms, coalesce(notify, true)); end if;
end $$;

comment on function jobd.enqueue(text, text, text, anycompatible, interval, timestamptz, integer, interval, interval,
  jsonb, interval, text, text, text, text, integer, text[], text, jsonb, text, uuid, boolean)
  is 'Adds a job as part of the transaction; payload is JSON text';
comment on function jobd.enqueue(text, jsonb, text, anycompatible, interval, timestamptz, integer, interval, interval,
  jsonb, interval, text, text, text, text, integer, text[], text, jsonb, text, uuid, boolean)
  is 'Adds a job as part of the transaction';
comment on function jobd.enqueue(text, json, text, anycompatible, interval, timestamptz, integer, interval, interval,
  jsonb, interval, text, text, text, text, integer, text[], text, jsonb, text, uuid, boolean)
  is 'Adds a job as part of the transaction';
comment on function jobd.enqueue_many(anycompatible, boolean)
  is 'Adds many jobs, all or none, as part of the transaction: a JSON list of requests with the fields of the library';
