{#- The rows that have no rank or not the one that follows, or whose measure is above that of the rank before. -#}
{% test ranks_without_gaps(model, rank, measure, by) %}
    with

    number_rows as (

        select
            {{ by }},
            {{ rank }},
            {{ measure }},
            row_number() over (partition by {{ by }} order by {{ rank }}) as expected_rank,
            lag({{ measure }}) over (partition by {{ by }} order by {{ rank }}) as measure_of_rank_before
        from {{ model }}

    )

    select *
    from number_rows
    where
        coalesce({{ rank }}, 0) <> expected_rank
        or {{ measure }} > measure_of_rank_before
{% endtest %}
