with

users as (

    select * from {{ source('landing', 'users') }}

),

parse_fields as (

    select
        {{ trim_text('user_id') }} as user_id,
        {{ trim_text('user_name') }} as user_name,
        {{ trim_text('user_country') }} as user_country,
        {{ parse_integer('user_age') }} as user_age,
        {{ parse_date('created_at') }} as created_at,
        loaded_at
    from users

),

drop_values_out_of_range as (

    select
        user_id,
        user_name,
        user_country,
        cast(case when user_age between 0 and 120 then user_age end as integer) as user_age,
        created_at,
        loaded_at
    from parse_fields

)

select * from drop_values_out_of_range
