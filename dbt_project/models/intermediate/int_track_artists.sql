{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        sort='track_id',
        dist='all',
        pre_hook=['{{ open_transaction() }}', "{{ delete_rows_to_write_again(ref('dim_songs')) }}"],
        post_hook='{{ record_snapshot() }}',
    )
}}

with

songs as (

    select * from {{ ref('dim_songs') }}
    where {{ is_new_snapshot('loaded_at') }}

),

count_artists as (

    select
        track_id,
        artists,
        loaded_at,
        regexp_count(artists, ';') + 1 as artist_count
    from songs
    where artists is not null

),

list_counts as (

    select distinct artist_count
    from count_artists

),

number_positions as (

    {{ select_positions('artist_position') }}

),

-- Few counts occur: comparing positions with each track would let one track of many artists slow down all others.
list_positions as (

    select
        list_counts.artist_count,
        number_positions.artist_position
    from list_counts
    inner join number_positions on list_counts.artist_count >= number_positions.artist_position

),

split_credits as (

    select
        count_artists.track_id,
        count_artists.loaded_at,
        {{ trim_text("split_part(count_artists.artists, ';', list_positions.artist_position)") }} as artist_name
    from count_artists
    inner join list_positions on count_artists.artist_count = list_positions.artist_count

),

keep_each_name_once as (

    select distinct
        track_id,
        artist_name,
        loaded_at
    from split_credits
    where artist_name is not null

)

select * from keep_each_name_once
