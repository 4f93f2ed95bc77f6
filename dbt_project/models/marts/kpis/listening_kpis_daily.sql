{{ config(unique_key='listen_date', sort='listen_date', dist='all') }}

with

listens as (

    select * from {{ ref('int_listens_with_songs') }}
    where {{ is_due_day('listen_date') }}

),

measure_days as (

    select
        listen_date,
        count(*) as listen_count,
        count(distinct user_id) as unique_listeners,
        count(distinct track_id) as unique_tracks,
        sum(cast(duration_ms as decimal(38, 0))) as total_duration_ms
    from listens
    group by listen_date

),

compute_indexes as (

    select
        listen_date,
        listen_count,
        unique_listeners,
        unique_tracks,
        cast(unique_tracks as double precision) / listen_count as track_diversity_index,
        total_duration_ms,
        {{ build_time() }} as built_at
    from measure_days

)

select * from compute_indexes
