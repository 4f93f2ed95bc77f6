{#- The rows for which an expression is false. On a column, the expression follows its name, and nulls pass. -#}
{% test expression_is_true(model, expression, column_name=none) %}
    select *
    from {{ model }}
    where
        {% if column_name %}
            not ({{ column_name }} {{ expression }})
        {% else %}
            not coalesce({{ expression }}, false)
        {% endif %}
{% endtest %}
