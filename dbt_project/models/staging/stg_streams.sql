with

streams as (

    select * from {{ source('landing', 'streams') }}

),

trim_fields as (

    select
        {{ trim_text('user_id') }} as user_id,
        {{ trim_text('track_id') }} as track_id,
        {{ trim_text('listen_time') }} as listen_time_text,
        loaded_at
    from streams

),

split_times as (

    select
        *,
        case
            when {{ is_written_as_time('listen_time_text') }} then {{ parse_local_time('listen_time_text') }}
        end as local_time,
        {{ find_offset('listen_time_text') }} as utc_offset
    from trim_fields

),

convert_times as (

    select
        *,
        {{ to_utc('local_time', 'utc_offset') }} as parsed_time
    from split_times

),

judge_rows as (

    select
        *,
        case
            when user_id is null then 'missing user_id'
            when track_id is null then 'missing track_id'
            when listen_time_text is null then 'missing listen_time'
            when parsed_time between '2000-01-01' and dateadd(day, 1, loaded_at) then null
            when not ({{ is_written_as_time('listen_time_text') }}) then 'malformed listen_time'
            when parsed_time is null then 'impossible listen_time'
            when parsed_time < '2000-01-01' then 'listen_time before 2000'
            else 'listen_time in the future'
        end as reject_reason
    from convert_times

),

keep_accepted_times as (

    select
        user_id,
        track_id,
        listen_time_text,
        reject_reason,
        loaded_at,
        case when reject_reason is null then parsed_time end as listen_time,
        case when reject_reason is null then cast(parsed_time as date) end as listen_date
    from judge_rows

)

select * from keep_accepted_times
