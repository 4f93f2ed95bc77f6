{#- The batches of which too many rows are rejects: more than ten and more than a share of them. A file whose times are
    all in another form lands whole and brings no listen. -#}
{% test rejects_are_few(model, max_share) %}
    select
        loaded_at,
        main_reject_reason,
        reject_count,
        landed_count
    from {{ model }}
    where
        reject_count > 10
        and reject_count > landed_count * cast({{ max_share }} as double precision)
{% endtest %}
