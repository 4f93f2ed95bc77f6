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

list_digits as (

    {{ select_digits() }}

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

number_positions as (

    select thousands.digit * 1000 + hundreds.digit * 100 + tens.digit * 10 + ones.digit + 1 as artist_position
    from list_digits as thousands
    cross join list_digits as hundreds
    cross join list_digits as tens
    cross join list_digits as ones

),

keep_positions_in_use as (

    select artist_position
    from number_positions
    where artist_position <= (select max(count_artists.artist_count) from count_artists)

),

split_credits as (

    select
        count_artists.track_id,
        count_artists.loaded_at,
        {{ trim_text("split_part(count_artists.artists, ';', keep_positions_in_use.artist_position)") }} as artist_name
    from count_artists
    inner join keep_positions_in_use on count_artists.artist_count >= keep_positions_in_use.artist_position

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
