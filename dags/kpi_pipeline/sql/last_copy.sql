select
    pg_last_copy_id() as copy_id,
    pg_last_copy_count() as landed_count;
