{#- What a model has to do is settled before it starts, in a table that we call a plan, and written into its SQL as
    literals: Redshift prunes blocks by literals, not by the result of a join or a subquery. A plan changes only when it is
    made anew, so a model and its hooks see the same one. -#}

{#- A plan is emptied and filled in place: dropping it would drop whatever view somebody has built on it. -#}
{% macro delete_all_rows() %}
    {% if is_incremental() %}
        delete from {{ this }}
    {% endif %}
{% endmacro %}

{% macro planned(plan, expression, model_name=none, taken=true) %}
    {% if not execute or load_relation(plan) is none %}{{ return([]) }}{% endif %}
    {% set rows = run_query(
        'select distinct ' ~ expression ~ ' from ' ~ plan ~ (' where is_taken' if taken else ' where not is_taken')
        ~ (" and model_name = '" ~ model_name ~ "'" if model_name) ~ ' order by 1'
    ) %}
    {{ return(rows.columns[0].values() | list) }}
{% endmacro %}

{#- What a model reads. A table that is made anew gets everything but what the plan leaves to the next run. -#}
{% macro is_planned(column, plan, expression, type) -%}
    {%- if is_incremental() -%}
        {{ return(in_list(column, planned(plan, expression, model.name), type)) }}
    {%- endif -%}
    {{ is_not_left_to_the_next_run(column, plan, expression, type, model.name) }}
{%- endmacro %}

{% macro is_not_left_to_the_next_run(column, plan, expression, type, model_name) -%}
    {%- set left = planned(plan, expression, model_name, taken=false) -%}
    {{- 'not (' ~ in_list(column, left, type) ~ ')' if left else 'true' -}}
{%- endmacro %}

{#- A run takes a portion of what is due, and asks for the next run where something is left. The limits are those of the
    orchestrator; 0, or none, is no limit. They are read when a model runs, so that another limit parses nothing anew. -#}
{% macro limit_of(variable) -%}
    {{ (env_var(variable, '0') | int if execute else 0) or 2 ** 60 }}
{%- endmacro %}

{% macro newest_or_oldest_first() -%}
    {{ 'desc' if execute and env_var('KPI_NEWEST_FIRST', 'false') | lower in ('true', '1', 'yes', 'on') else 'asc' }}
{%- endmacro %}

{#- The range stands beside the list because blocks are pruned by their smallest and largest value. For an empty list no
    constant: Redshift evaluates `where false` on its leader, and documents no MERGE on a constant. -#}
{% macro in_list(column, values, type) -%}
    {%- if not values -%}
        {{ column }} < {{ type }} '0001-01-01'
    {%- else -%}
        {{ column }} between {{ type }} '{{ values | first }}' and {{ type }} '{{ values | last }}'
        and {{ column }} in ({% for value in values %}{{ type }} '{{ value }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}

{% macro timestamp_text(column) %}
    {{ return("to_char(" ~ column ~ ", 'YYYY-MM-DD HH24:MI:SS.US')") }}
{% endmacro %}

{% macro date_text(column) %}
    {{ return("to_char(" ~ column ~ ", 'YYYY-MM-DD')") }}
{% endmacro %}

{#- The models that take part in a plan, so that a new one needs its tag and nothing else. -#}
{% macro nodes_tagged(tag) %}
    {% set nodes = [] %}
    {% if execute %}
        {% for node in graph.nodes.values() if node.resource_type == 'model' and tag in node.tags %}
            {% do nodes.append(node) %}
        {% endfor %}
    {% endif %}
    {{ return(nodes | sort(attribute='name')) }}
{% endmacro %}

{% macro models_tagged(tag) %}
    {{ return(nodes_tagged(tag) | map(attribute='name') | list) }}
{% endmacro %}
