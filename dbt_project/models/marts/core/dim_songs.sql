{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='track_id',
        merge_exclude_columns=['known_since'],
        sort='track_id',
        dist='all',
        pre_hook=['{{ open_transaction() }}', '{{ delete_rows_unless_recorded() }}'],
        post_hook=[
            "{{ delete_rows_of_other_snapshots(source('landing', 'songs')) }}",
            '{{ raise_versions_of_new_tracks() }}',
            '{{ record_snapshot() }}',
        ],
    )
}}

-- depends_on: {{ ref('fct_listens') }}

with

songs as (

    select * from {{ ref('stg_songs') }}
    where
        track_id is not null
        and {{ is_new_snapshot('loaded_at') }}

),

number_rows_of_track as (

    select
        *,
        row_number() over (
            partition by track_id
            order by
                song_id nulls last,
                track_genre nulls last,
                track_name nulls last,
                album_name nulls last,
                artists nulls last,
                popularity nulls last,
                duration_ms nulls last
        ) as row_of_track
    from songs

),

keep_first_row_of_track as (

    select
        track_id,
        track_name,
        album_name,
        artists,
        track_genre,
        popularity,
        duration_ms,
        loaded_at,
        loaded_at as known_since
    from number_rows_of_track
    where row_of_track = 1

)

select * from keep_first_row_of_track
