{{ config(materialized='incremental', incremental_strategy='microbatch', unique_key='id', event_time='at', batch_size='day', begin=modules.datetime.date.today().isoformat()) }}
select id, name, at from {{ ref('typed') }}
