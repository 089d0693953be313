-- Statistics get coarser with their age: step is how much time a row tells of, in milliseconds; 0 is what a daemon wrote
-- just so, of which a minute has many.
alter table jobd.stat add column step bigint not null default 0;
create index stat_step on jobd.stat (step, minute);
drop index jobd.stat_minute;
-- Rows come, are put together soon and go.
alter table jobd.stat set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
