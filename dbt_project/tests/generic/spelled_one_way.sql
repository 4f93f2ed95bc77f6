{#- The values that are written in several ways which differ in case or blanks only. They are values of their own by the
    contract, so it is for people to say whether they are meant to be. Only the weekly audit looks: a run would warn of the
    same spellings each day. -#}
{% test spelled_one_way(model, column_name) %}
    with

    list_spellings as (

        select distinct
            {{ column_name }} as spelling,
            regexp_replace(lower({{ column_name }}), '[[:space:]]+', '') as folded_spelling
        from {{ model }}
        where
            {{ column_name }} is not null
            -- No constant: Redshift would answer on its leader, which has no LISTAGG.
            {{ "and len(" ~ column_name ~ ") < 0" if var('test_scope') != 'everything' }}

    ),

    number_spellings as (

        select
            *,
            row_number() over (partition by folded_spelling order by spelling) as spelling_number,
            count(*) over (partition by folded_spelling) as spelling_count
        from list_spellings

    )

    select
        spelling_count,
        -- LISTAGG fails above 64 KB.
        listagg(case when spelling_number <= 20 then '''' || spelling || '''' end, ', ')
        within group (order by spelling) as spellings
    from number_spellings
    where spelling_count > 1
    group by folded_spelling, spelling_count
{% endtest %}
