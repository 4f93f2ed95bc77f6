{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        sort='user_id',
        dist='all',
        grants={'select': []},
        pre_hook=['{{ open_transaction() }}', "{{ delete_rows_to_write_again(source('landing', 'users')) }}"],
        post_hook=['{{ record_snapshot() }}', "{{ grant_all_columns_but(['user_name']) }}"],
    )
}}

with

users as (

    select * from {{ ref('stg_users') }}
    where
        user_id is not null
        and {{ is_new_snapshot('loaded_at') }}

),

number_rows_of_user as (

    select
        *,
        row_number() over (
            partition by user_id
            order by
                created_at desc nulls last,
                user_name desc nulls last,
                user_country desc nulls last,
                user_age desc nulls last
        ) as row_of_user
    from users

),

keep_last_row_of_user as (

    select
        user_id,
        user_name,
        user_country,
        user_age,
        created_at,
        loaded_at
    from number_rows_of_user
    where row_of_user = 1

)

select * from keep_last_row_of_user
