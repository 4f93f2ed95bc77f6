{{ config(sort='loaded_at', dist='even') }}

{{ require_every_batch_in_the_plan() }}

with

streams as (

    select * from {{ ref('int_streams_due') }}
    where
        reject_reason is null
        and {{ is_due_batch('loaded_at') }}

),

listens as (

    select * from {{ ref('fct_listens') }}
    where {{ is_day_of_due_batch('listen_date') }}

),

number_copies as (

    select
        user_id,
        track_id,
        listen_time,
        listen_date,
        loaded_at,
        row_number() over (
            partition by loaded_at, listen_date, listen_time, user_id, track_id
            order by listen_time_text
        ) as copy_number
    from streams

),

keep_repeats as (

    select
        number_copies.user_id,
        number_copies.track_id,
        number_copies.listen_time,
        listens.loaded_at as first_loaded_at,
        number_copies.loaded_at
    from number_copies
    inner join listens
        on
            number_copies.listen_date = listens.listen_date
            and number_copies.listen_time = listens.listen_time
            and number_copies.user_id = listens.user_id
            and number_copies.track_id = listens.track_id
    where
        number_copies.copy_number > 1
        or number_copies.loaded_at <> listens.loaded_at

)

select * from keep_repeats
