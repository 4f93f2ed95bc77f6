-- Where every line went that landed lately: those of streams, and those of songs and users that COPY refused.
with

batches as (

    select
        max(loaded_at) as last_loaded_at,
        coalesce(sum(listen_count), 0) as listen_count,
        coalesce(sum(duplicate_count), 0) as duplicate_count,
        coalesce(sum(reject_count), 0) as reject_count,
        coalesce(sum(refused_line_count), 0) as refused_line_count
    from {{ stream_batches }}
    where loaded_at >= '{{ since }}'

),

catalogue_files as (

    select
        coalesce(sum(case when table_name = 'songs' then refused_line_count end), 0) as refused_song_line_count,
        coalesce(sum(case when table_name = 'users' then refused_line_count end), 0) as refused_user_line_count
    from {{ schema }}.loaded_files
    where loaded_at >= '{{ since }}'

)

select
    batches.last_loaded_at,
    batches.listen_count,
    batches.duplicate_count,
    batches.reject_count,
    batches.refused_line_count,
    catalogue_files.refused_song_line_count,
    catalogue_files.refused_user_line_count
from batches
cross join catalogue_files;
