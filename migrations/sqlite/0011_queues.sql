-- Since when a queue is removed. Its row stays, because jobs of it may be under way: the next job that comes takes the mark
-- away.
alter table queue add column removed_at integer;
create index queue_removed on queue (id) where removed_at is not null;
