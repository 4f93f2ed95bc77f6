{#- The groups whose shares do not add up to 1, the rounding of doubles aside. -#}
{% test shares_add_up_to_one(model, share, by) %}
    select
        {{ by }},
        sum({{ share }}) as total_share
    from {{ model }}
    group by {{ by }}
    having abs(sum({{ share }}) - 1) > 1e-9
{% endtest %}
