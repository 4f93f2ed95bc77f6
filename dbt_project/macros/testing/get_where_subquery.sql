{#- dbt's own hook for custom words in a test's `where`. The bookkeeping tables are named, not ref'ed: a ref would make every
    test one of several models, and Cosmos would run it apart from the model that it guards. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if where == '__since_last_success__' -%}
        {%- set where = is_built_since_last_success(model.file_key_name.split('.')[1]) -%}
    {%- endif -%}
    {%- if where and where != 'true' -%}
        {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') as dbt_subquery') }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}

{#- The rows of a model that were built since the last run that succeeded: a test that failed fails again in the next
    run, though that one builds other days, until somebody has mended what it found. All rows of a model that is built
    neither by days nor by batches. -#}
{% macro is_built_since_last_success(model_name) %}
    {%- if var('test_scope') == 'everything' -%}
        {{ return('true') }}
    {%- elif model_name in models_tagged('kpi') -%}
        {{ return(in_list('listen_date', _built('day_builds', date_text('listen_date'), 'built_at', model_name), 'date')) }}
    {%- elif model_name in models_tagged('by_batch') -%}
        {{ return(in_list(
            'loaded_at', _built('transformed_batches', timestamp_text('loaded_at'), 'recorded_at', model_name), 'timestamp'
        )) }}
    {%- endif -%}
    {{ return('true') }}
{% endmacro %}

{% macro _built(bookkeeping, expression, recorded_at, model_name) %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set rows = run_query(
        'select distinct ' ~ expression
        ~ ' from ' ~ api.Relation.create(database=target.database, schema=target.schema, identifier=bookkeeping)
        ~ " where model_name = '" ~ model_name ~ "' and " ~ recorded_at ~ " >= coalesce("
        ~ '(select max(started_at) from ' ~ env_var('KPI_LANDING_SCHEMA', 'landing') ~ '.pipeline_runs)'
        ~ ", timestamp '0001-01-01') order by 1"
    ) %}
    {{ return(rows.columns[0].values() | list) }}
{% endmacro %}
