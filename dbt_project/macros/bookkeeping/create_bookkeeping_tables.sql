{#- Runs at the start of every dbt command. It sends no statement once the tables exist. -#}
{% macro create_bookkeeping_tables() %}
    {% set columns_of = {
        'transformed_batches': 'model_name varchar(128) not null, loaded_at timestamp not null,'
            ~ ' recorded_at timestamp not null, run_id varchar(256)',
        'passed_batches': 'loaded_at timestamp not null, recorded_at timestamp not null, run_id varchar(256)',
        'day_versions': 'listen_date date not null, version bigint not null',
        'day_builds': 'model_name varchar(128) not null, listen_date date not null, version bigint not null,'
            ~ ' built_at timestamp not null, run_id varchar(256)',
        'view_definitions': 'model_name varchar(128) not null, checksum varchar(32) not null',
    } %}
    {% for name, columns in columns_of.items() %}
        {% set relation = api.Relation.create(database=target.database, schema=target.schema, identifier=name) %}
        {% if load_cached_relation(relation) is none %}
            create table if not exists {{ relation }} ({{ columns }});
        {% endif %}
    {% endfor %}
{% endmacro %}
