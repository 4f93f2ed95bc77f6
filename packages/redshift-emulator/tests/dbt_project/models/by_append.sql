{{ config(materialized='incremental', incremental_strategy='append', unique_key=none, event_time='at', batch_size='day', begin=modules.datetime.date.today().isoformat()) }}
select id, name, at from {{ ref('typed') }}
