{{ config(materialized='table', dist='id', sort=['at'], grants={'select': ['reader']}) }}
select id, name, at, getdate() as built_at from {{ ref('typed') }}
