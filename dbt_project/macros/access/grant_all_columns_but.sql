{#- A post-hook: the analysts' role, where there is one, reads a model without some of its columns. The table is made anew
    by each build, and its grants with it. -#}
{% macro grant_all_columns_but(hidden) %}
    {% if env_var('KPI_ANALYST_ROLE', '') %}
        grant select ({{ model.columns.keys() | reject('in', hidden) | join(', ') }})
        on {{ this }} to role {{ env_var('KPI_ANALYST_ROLE') }}
    {% endif %}
{% endmacro %}
