{#- dbt replaces a view in each run, and drops with CASCADE what people have built on it (dbt-core 2185). Here a view that
    already is as the project defines it is left alone. -#}
{% materialization view, adapter='redshift' %}
    {% set checksum = local_md5(sql ~ tojson(config.get('grants')) ~ model.description ~ tojson(model.columns)) %}
    {% set existing = load_cached_relation(this) %}
    {% if existing is not none and existing.is_view and not should_full_refresh() and is_defined_as(checksum) %}
        {% call noop_statement('main', 'UNCHANGED', 'UNCHANGED') %}{{ sql }}{% endcall %}
        {{ return({'relations': [existing]}) }}
    {% endif %}
    {% set built = dbt.materialization_view_default() %}
    {% do record_definition(checksum) %}
    {{ return(built) }}
{% endmaterialization %}

{% macro is_defined_as(checksum) %}
    {{ return(run_query(
        'select 1 from ' ~ view_definitions() ~ " where model_name = '" ~ model.name ~ "' and checksum = '" ~ checksum ~ "'"
    ) | length > 0) }}
{% endmacro %}

{#- After the view is committed: one that is not recorded is only built once more. The connection commits nothing by
    itself. -#}
{% macro record_definition(checksum) %}
    {% call statement('record_definition', auto_begin=true) %}
        delete from {{ view_definitions() }} where model_name = '{{ model.name }}';
        insert into {{ view_definitions() }} (model_name, checksum) values ('{{ model.name }}', '{{ checksum }}')
    {% endcall %}
    {% do adapter.commit() %}
{% endmacro %}

{% macro view_definitions() %}
    {{ return(api.Relation.create(database=target.database, schema=target.schema, identifier='view_definitions')) }}
{% endmacro %}
