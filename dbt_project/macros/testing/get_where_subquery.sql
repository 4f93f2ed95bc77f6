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
    neither by days nor by batches. What a plan has left to the next run is not wrong, it is not done yet.
    Of two models: the days that either was built for, and that neither has left to the next run. A test
    that compares two models needs the same days of both, and a new model is built for more days than an old one. -#}
{% macro is_built_since_last_success(model_name, other_model_name=none) %}
    {%- set model_names = [model_name, other_model_name] | select | list -%}
    {%- if model_name in models_tagged('kpi') -%}
        {%- set plan, column, type, text = 'int_days_due', 'listen_date', 'date', date_text('listen_date') -%}
        {%- set table, recorded_at = 'day_builds', 'built_at' -%}
    {%- elif model_name in models_tagged('by_batch') -%}
        {%- set plan, column, type, text = 'int_batches_due', 'loaded_at', 'timestamp', timestamp_text('loaded_at') -%}
        {%- set table, recorded_at = 'transformed_batches', 'recorded_at' -%}
    {%- else -%}
        {{ return('true') }}
    {%- endif -%}
    {%- set plan = _bookkeeping(plan) -%}
    {%- if var('test_scope') == 'everything' -%}
        {%- set conditions = [] -%}
        {%- for name in model_names -%}
            {%- do conditions.append(is_not_left_to_the_next_run(column, plan, text, type, name)) -%}
        {%- endfor -%}
        {{ return(conditions | join(' and ')) }}
    {%- endif -%}
    {{ return(in_list(column, _built(table, column, text, recorded_at, plan, model_names), type)) }}
{% endmacro %}

{% macro _bookkeeping(name) %}
    {{ return(api.Relation.create(database=target.database, schema=target.schema, identifier=name)) }}
{% endmacro %}

{% macro _built(table, column, expression, recorded_at, plan, model_names) %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set is_of_the_models = "model_name in ('" ~ model_names | join("', '") ~ "')" %}
    {% set rows = run_query(
        'select distinct ' ~ expression ~ ' from ' ~ _bookkeeping(table)
        ~ ' where ' ~ is_of_the_models ~ ' and ' ~ recorded_at ~ " >= coalesce("
        ~ '(select max(started_at) from ' ~ env_var('KPI_LANDING_SCHEMA', 'landing') ~ '.pipeline_runs)'
        ~ ", timestamp '0001-01-01')"
        ~ (' and ' ~ column ~ ' not in (select ' ~ column ~ ' from ' ~ plan ~ ' where ' ~ is_of_the_models
            ~ ' and not is_taken)' if load_relation(plan) is not none)
        ~ ' order by 1'
    ) %}
    {{ return(rows.columns[0].values() | list) }}
{% endmacro %}
