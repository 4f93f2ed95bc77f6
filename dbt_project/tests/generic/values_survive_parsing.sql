{#-
    The batches of which more than a share of a column's values is no value by the contract, so that it is null here.
    The test counts the values that are lost, not the batches.
-#}
{% test values_survive_parsing(model, column_name, landed, highest_share=0.01) %}

    with

    count_written_values as (

        select
            loaded_at,
            count({{ trim_text(column_name) }}) as written_count
        from {{ landed }}
        group by loaded_at

    ),

    count_values as (

        select
            loaded_at,
            count({{ column_name }}) as value_count
        from {{ model }}
        group by loaded_at

    )

    select
        count_written_values.loaded_at,
        cast('{{ column_name }}' as varchar(128)) as column_name,
        count_written_values.written_count,
        count_written_values.written_count - count_values.value_count as lost_count
    from count_written_values
    inner join count_values on count_written_values.loaded_at = count_values.loaded_at
    where
        count_written_values.written_count - count_values.value_count
        > {{ highest_share }} * count_written_values.written_count
{% endtest %}
