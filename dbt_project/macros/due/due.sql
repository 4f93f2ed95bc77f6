{#- What a model has to do, settled before it starts and written into its SQL as literals: Redshift prunes blocks by
    literals, not by the result of a join or a subquery. The lists come from tables that change only when the plan is
    made anew, so a model and its hooks see the same ones. -#}

{% macro due_batches() %}
    {% set plan = ref('int_batches_due') %}
    {{ return(planned(plan, timestamp_text('loaded_at'), model.name)) }}
{% endmacro %}

{% macro due_days() %}
    {% set plan = ref('int_days_due') %}
    {{ return(planned(plan, date_text('listen_date'), model.name)) }}
{% endmacro %}

{#- The days of the listens in the due batches, also of those that turn out to be duplicates. -#}
{% macro days_of_due_batches() %}
    {% set streams = ref('int_streams_due') %}
    {% set batches = due_batches() %}
    {% if not batches %}{{ return([]) }}{% endif %}
    {% set days = run_query(
        'select distinct ' ~ date_text('listen_date') ~ ' from ' ~ streams
        ~ ' where listen_date is not null and ' ~ in_list('loaded_at', batches, 'timestamp') ~ ' order by 1'
    ) %}
    {{ return(days.columns[0].values() | list) }}
{% endmacro %}

{% macro is_due_batch(column) %}
    {%- set batches = due_batches() -%}
    {%- if is_incremental() -%}{{ in_list(column, batches, 'timestamp') }}{%- else -%}true{%- endif -%}
{% endmacro %}

{#- The batches that any model is to take in. -#}
{% macro is_batch_of_the_plan(column) %}
    {%- set plan = ref('int_batches_due') -%}
    {{- in_list(column, planned(plan, timestamp_text('loaded_at')), 'timestamp') -}}
{% endmacro %}

{#- A full refresh builds from int_streams_due, which has every batch only if it was refreshed with the model. -#}
{% macro require_every_batch_in_the_plan() %}
    {% if execute and flags.WHICH in ('run', 'build') and not is_incremental() %}
        {% set missing = run_query(
            'select count(distinct loaded_at) from ' ~ source('landing', 'loaded_files')
            ~ " where table_name = 'streams' and landed_count > 0"
            ~ ' and loaded_at not in (select loaded_at from ' ~ ref('int_streams_due') ~ ')'
        ).columns[0].values()[0] %}
        {% if missing %}
            {{ exceptions.raise_compiler_error(
                model.name ~ ' would lose ' ~ missing ~ ' batches: refresh it together with what it is built from,'
                ~ " by --full-refresh --select '+" ~ model.name ~ "'"
            ) }}
        {% endif %}
    {% endif %}
{% endmacro %}

{% macro is_due_day(column) %}
    {%- set days = due_days() -%}
    {%- if is_incremental() -%}{{ in_list(column, days, 'date') }}{%- else -%}true{%- endif -%}
{% endmacro %}

{% macro is_day_of_due_batch(column) %}
    {%- set days = days_of_due_batches() -%}
    {%- if is_incremental() -%}{{ in_list(column, days, 'date') }}{%- else -%}true{%- endif -%}
{% endmacro %}

{% macro timestamp_text(column) %}
    {{ return("to_char(" ~ column ~ ", 'YYYY-MM-DD HH24:MI:SS.US')") }}
{% endmacro %}

{% macro date_text(column) %}
    {{ return("to_char(" ~ column ~ ", 'YYYY-MM-DD')") }}
{% endmacro %}

{% macro planned(plan, expression, model_name=none) %}
    {% if not execute or load_relation(plan) is none %}{{ return([]) }}{% endif %}
    {% set rows = run_query(
        'select distinct ' ~ expression ~ ' from ' ~ plan
        ~ (" where model_name = '" ~ model_name ~ "'" if model_name) ~ ' order by 1'
    ) %}
    {{ return(rows.columns[0].values() | list) }}
{% endmacro %}

{#- The range beside the list: blocks are pruned by their smallest and largest value. -#}
{% macro in_list(column, values, type) -%}
    {%- if not values -%}
        false
    {%- else -%}
        {{ column }} between {{ type }} '{{ values | first }}' and {{ type }} '{{ values | last }}'
        and {{ column }} in ({% for value in values %}{{ type }} '{{ value }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}

{#- The models that take part in a plan, so that a new one needs its tag and nothing else. -#}
{% macro models_tagged(tag) %}
    {% set names = [] %}
    {% if execute %}
        {% for node in graph.nodes.values() if node.resource_type == 'model' and tag in node.tags %}
            {% do names.append(node.name) %}
        {% endfor %}
    {% endif %}
    {{ return(names | sort) }}
{% endmacro %}
