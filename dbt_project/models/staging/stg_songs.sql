with

songs as (

    select * from {{ source('landing', 'songs') }}

),

parse_fields as (

    select
        {{ trim_text('track_id') }} as track_id,
        {{ parse_long_integer('id') }} as song_id,
        {{ trim_text('track_name') }} as track_name,
        {{ trim_text('album_name') }} as album_name,
        {{ trim_text('artists') }} as artists,
        {{ trim_text('track_genre') }} as track_genre,
        {{ parse_integer('popularity') }} as popularity,
        {{ parse_integer('duration_ms') }} as duration_ms,
        loaded_at
    from songs

),

drop_values_out_of_range as (

    select
        track_id,
        song_id,
        track_name,
        album_name,
        artists,
        track_genre,
        loaded_at,
        cast(case when popularity between 0 and 100 then popularity end as integer) as popularity,
        case when duration_ms > 0 then duration_ms end as duration_ms
    from parse_fields

)

select * from drop_values_out_of_range
