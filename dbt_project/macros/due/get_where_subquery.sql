{#- dbt's own place to give meaning to a word in a test's `where`. The plans are named, not ref'ed: a ref would make
    every test one of several models, and Cosmos would run it apart from the model that it guards. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if where == '__of_this_run__' -%}
        {%- set where = is_of_this_run(model.file_key_name.split('.')[1]) -%}
    {%- endif -%}
    {%- if where and where != 'true' -%}
        {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') as dbt_subquery') }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}

{#- The rows of a model that the run touched; all of them for a model that is neither built by days nor by batches. -#}
{% macro is_of_this_run(model_name) %}
    {%- if var('test_scope') == 'everything' -%}
        {{ return('true') }}
    {%- elif model_name in models_tagged('kpi') -%}
        {{ return(in_list('listen_date', planned(_plan('int_days_due'), date_text('listen_date'), model_name), 'date')) }}
    {%- elif model_name in models_tagged('by_batch') -%}
        {{ return(
            in_list('loaded_at', planned(_plan('int_batches_due'), timestamp_text('loaded_at'), model_name), 'timestamp')
        ) }}
    {%- endif -%}
    {{ return('true') }}
{% endmacro %}

{% macro _plan(name) %}
    {{ return(api.Relation.create(database=target.database, schema=target.schema, identifier=name)) }}
{% endmacro %}
