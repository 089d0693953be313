-- Statistics get coarser with their age: step is how much time a row tells of, in milliseconds; 0 is what a daemon wrote
-- just so, of which a minute has many.
alter table stat add column step integer not null default 0;
create index stat_step on stat (step, minute);
drop index stat_minute;
