-- Keeps the accounts true without a person's rows and makes the person's days due again. The deletes follow in the same
-- transaction, for each table that holds the person. The locks come first, as for a load: the transaction's view of the
-- tables starts after them.
lock {{ landing }}.lock_streams;

lock {{ landing }}.lock_users;

drop table if exists erased_batches;

drop table if exists erased_files;

-- What goes of each batch, as the ledger and stream_batches count it.
create temporary table erased_batches as
select
    loaded_at,
    sum(landed) as landed_count,
    sum(listens) as listen_count,
    sum(duplicates) as duplicate_count,
    sum(rejects) as reject_count
from (
    select loaded_at, 1 as landed, 0 as listens, 0 as duplicates, 0 as rejects
    from {{ landing }}.streams where trim(user_id) = {{ user_id | literal }}
    union all
    select loaded_at, 0, 1, 0, 0 from {{ marts }}.fct_listens where user_id = {{ user_id | literal }}
    union all
    select loaded_at, 0, 0, 1, 0 from {{ marts }}.duplicate_streams where user_id = {{ user_id | literal }}
    union all
    select loaded_at, 0, 0, 0, 1 from {{ marts }}.rejected_streams where user_id = {{ user_id | literal }}
) as rows_of_person
group by loaded_at;

create temporary table erased_files as
select
    'streams' as table_name,
    loaded_at,
    landed_count
from erased_batches
union all
select
    'users' as table_name,
    loaded_at,
    count(*) as landed_count
from {{ landing }}.users
where trim(user_id) = {{ user_id | literal }}
group by loaded_at;

update {{ marts }}.stream_batches
set
    landed_count = stream_batches.landed_count - erased_batches.landed_count,
    listen_count = stream_batches.listen_count - erased_batches.listen_count,
    duplicate_count = stream_batches.duplicate_count - erased_batches.duplicate_count,
    reject_count = stream_batches.reject_count - erased_batches.reject_count
from erased_batches
where stream_batches.loaded_at = erased_batches.loaded_at;

-- A landed row does not tell its file: what a batch lost is taken from its files in turn, from none more than it has.
update {{ landing }}.loaded_files
set
    landed_count = loaded_files.landed_count - shares.erased_count,
    line_count = loaded_files.line_count - shares.erased_count
from (
    select
        table_name,
        key,
        etag,
        loaded_at,
        greatest(0, least(landed_count, to_erase - (running_count - landed_count))) as erased_count
    from (
        select
            files.table_name,
            files.key,
            files.etag,
            files.loaded_at,
            files.landed_count,
            erased_files.landed_count as to_erase,
            sum(files.landed_count) over (
                partition by files.table_name, files.loaded_at order by files.key, files.etag rows unbounded preceding
            ) as running_count
        from {{ landing }}.loaded_files as files
        inner join erased_files
            on files.table_name = erased_files.table_name and files.loaded_at = erased_files.loaded_at
    ) as files_in_turn
) as shares
where
    loaded_files.table_name = shares.table_name
    and loaded_files.key = shares.key
    and loaded_files.etag = shares.etag
    and loaded_files.loaded_at = shares.loaded_at;

-- A refused line has no columns: where the id occurs in it at all, its text goes. Its place and reason stay.
update {{ landing }}.refused_lines
set raw_line = '(erased)'
where strpos(raw_line, {{ user_id | literal }}) > 0;

-- The next run rebuilds these days whole, those that have no listen any more too.
update {{ marts }}.day_versions
set version = version + 1
where listen_date in (select listen_date from {{ marts }}.fct_listens where user_id = {{ user_id | literal }});
