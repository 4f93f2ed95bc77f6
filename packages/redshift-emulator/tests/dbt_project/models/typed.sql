select id, name, cast(at as date) as at, upper(name) as loud from {{ ref('people') }}
