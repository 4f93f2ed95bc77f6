-- A listen counts in one genre: a track that the catalogue has in several must not be counted in each.
with

genres as (

    select
        listen_date,
        sum(listen_count) as listen_count
    from {{ ref('genre_kpis_daily') }}
    where {{ is_built_since_last_success('genre_kpis_daily', 'listening_kpis_daily') }}
    group by listen_date

),

days as (

    select
        listen_date,
        listen_count
    from {{ ref('listening_kpis_daily') }}
    where {{ is_built_since_last_success('genre_kpis_daily', 'listening_kpis_daily') }}

)

select
    genres.listen_count as listens_by_genre,
    days.listen_count as listens_of_the_day,
    coalesce(genres.listen_date, days.listen_date) as listen_date
from genres
full outer join days on genres.listen_date = days.listen_date
where coalesce(genres.listen_count, 0) <> coalesce(days.listen_count, 0)
