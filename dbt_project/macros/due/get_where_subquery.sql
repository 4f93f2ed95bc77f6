{#- dbt's own place to give meaning to a word in a test's `where`. The plans are named, not ref'ed: a ref would make
    every test one of several models, and Cosmos would run it apart from the model that it guards. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if where == '__of_this_run__' and var('test_scope') == 'everything' -%}
        {%- set where = '' -%}
    {%- elif where == '__of_this_run__' -%}
        {%- set where = is_of_this_run(model.file_key_name.split('.')[1]) -%}
    {%- endif -%}
    {%- if where -%}
        {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') as dbt_subquery') }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}

{% macro is_of_this_run(model_name) %}
    {%- set by_day = model_name in models_tagged('kpi') -%}
    {%- set plan = api.Relation.create(
        database=target.database, schema=target.schema, identifier='int_days_due' if by_day else 'int_batches_due'
    ) -%}
    {%- if by_day -%}
        {{ return(in_list('listen_date', planned(plan, "to_char(listen_date, 'YYYY-MM-DD')", model_name), 'date')) }}
    {%- endif -%}
    {{ return(in_list('loaded_at', planned(plan, timestamp_text('loaded_at'), model_name), 'timestamp')) }}
{% endmacro %}
