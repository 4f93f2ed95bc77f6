{{ config(
    materialized='incremental', incremental_strategy='merge', unique_key='id', sort='at', dist='even',
    on_schema_change='append_new_columns',
    pre_hook="create table if not exists {{ target.schema }}.runs (model varchar(10), at timestamp)",
    post_hook="insert into {{ target.schema }}.runs select '{{ this.name }}', sysdate"
) }}
select id::integer as id, name::varchar(20) as name, at, count(*)::bigint as n, avg(id)::double precision as mean
from {{ ref('typed') }}
{% if is_incremental() %} where at >= '2024-01-01' {% endif %}
group by 1, 2, 3
