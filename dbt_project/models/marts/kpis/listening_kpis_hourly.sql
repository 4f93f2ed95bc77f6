{{ config(unique_key=['listen_date', 'listen_hour'], sort='listen_hour', dist='all') }}

with

listens as (

    select * from {{ ref('int_listens_with_songs') }}
    where {{ is_due_day('listen_date') }}

),

measure_hours as (

    select
        listen_date,
        date_trunc('hour', listen_time) as listen_hour,
        count(*) as listen_count,
        count(distinct user_id) as unique_listeners,
        count(distinct track_id) as unique_tracks,
        sum(cast(duration_ms as decimal(38, 0))) as total_duration_ms
    from listens
    group by listen_date, date_trunc('hour', listen_time)

),

compute_indexes as (

    select
        listen_hour,
        listen_count,
        unique_listeners,
        unique_tracks,
        cast(unique_tracks as double precision) / listen_count as track_diversity_index,
        total_duration_ms,
        listen_date,
        {{ build_time() }} as built_at
    from measure_hours

)

select * from compute_indexes
