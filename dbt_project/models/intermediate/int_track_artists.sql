{{ config(dist='all', sort='track_id') }}

with

songs as (

    select * from {{ ref('dim_songs') }}

),

list_digits as (

    {% for digit in range(10) -%}
        select {{ digit }} as digit
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

count_artists as (

    select
        track_id,
        artists,
        regexp_count(artists, ';') + 1 as artist_count
    from songs
    where artists is not null

),

find_longest_credit as (

    select max(artist_count) as artist_count
    from count_artists

),

number_positions as (

    select thousands.digit * 1000 + hundreds.digit * 100 + tens.digit * 10 + ones.digit + 1 as artist_position
    from list_digits as thousands
    cross join list_digits as hundreds
    cross join list_digits as tens
    cross join list_digits as ones

),

keep_positions_in_use as (

    select number_positions.artist_position
    from number_positions
    inner join find_longest_credit on number_positions.artist_position <= find_longest_credit.artist_count

),

split_credits as (

    select
        count_artists.track_id,
        {{ trim_text("split_part(count_artists.artists, ';', keep_positions_in_use.artist_position)") }} as artist_name
    from count_artists
    inner join keep_positions_in_use on count_artists.artist_count >= keep_positions_in_use.artist_position

),

keep_each_name_once as (

    select distinct
        track_id,
        artist_name
    from split_credits
    where artist_name is not null

)

select * from keep_each_name_once
