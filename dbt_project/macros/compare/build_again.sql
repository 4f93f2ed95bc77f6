{#- `make check` builds an incremental model whole, and then once more as a run does: what comes of it has to be the same.
    These macros keep what was built whole beside the model, and make some work due. -#}

{% macro keep_whole(model_names) %}
    {% for name in model_names %}
        {% set whole = whole_of(name) %}
        {% do run_query('drop table if exists ' ~ whole) %}
        {% do run_query('create table ' ~ whole ~ ' as select * from ' ~ whole.incorporate(path={'identifier': name})) %}
    {% endfor %}
{% endmacro %}

{% macro restore_whole(model_name) %}
    {% set own = whole_of(model_name).incorporate(path={'identifier': model_name}) %}
    {% do run_query('delete from ' ~ own) %}
    {% do run_query('insert into ' ~ own ~ ' select * from ' ~ whole_of(model_name)) %}
{% endmacro %}

{% macro drop_whole(model_names, plans) %}
    {% for name in model_names %}
        {% do run_query('drop table if exists ' ~ whole_of(name)) %}
    {% endfor %}
    {% for name in plans %}
        {% set plan = load_relation(whole_of(name).incorporate(path={'identifier': name})) %}
        {% if plan is not none %}
            {% do adapter.drop_relation(plan) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{% macro whole_of(name) %}
    {{ return(api.Relation.create(database=target.database, schema=target.schema, identifier=name ~ '__whole')) }}
{% endmacro %}

{#- The newest day, some before it and the oldest are due; the days between are not, so that a model which reads beyond the
    due days, or not all of them, is found out. -#}
{% macro make_some_days_due(listens) %}
    {% set versions, builds = source('bookkeeping', 'day_versions'), source('bookkeeping', 'day_builds') %}
    {% do run_query('delete from ' ~ versions) %}
    {% do run_query(
        'insert into ' ~ versions ~ ' (listen_date, version)'
        ~ ' select listen_date, (select coalesce(max(version), 0) + 1 from ' ~ builds ~ ') from ('
        ~ 'select listen_date, row_number() over (order by listen_date desc) as place, count(*) over () as days'
        ~ ' from (select distinct listen_date from ' ~ listens ~ ') as all_days'
        ~ ') as numbered_days where place in (1, 3, 5) or (place = days and days > 3)'
    ) %}
{% endmacro %}

{#- A batch that has not passed every test is taken again. -#}
{% macro make_newest_batch_due() %}
    {% set passed = source('bookkeeping', 'passed_batches') %}
    {% do run_query('delete from ' ~ passed ~ ' where loaded_at = (select max(loaded_at) from ' ~ passed ~ ')') %}
{% endmacro %}

{#- Rows that one of two relations has more often than the other: for a model without a key. -#}
{% macro compare_rows_without_key(model_name, identifier) %}
    {% set own = api.Relation.create(database=target.database, schema=target.schema, identifier=model_name) %}
    {% set names = [] %}
    {% for column in (adapter.get_columns_in_relation(own) if execute else []) if column.name != 'built_at' %}
        {% do names.append(column.name) %}
    {% endfor %}
    select
        {{ names | join(', ') }},
        sum(is_own) as rows_here,
        sum(1 - is_own) as rows_there
    from (
        select {{ names | join(', ') }}, 1 as is_own from {{ own }}
        union all
        select {{ names | join(', ') }}, 0 as is_own from {{ own.incorporate(path={'identifier': identifier}) }}
    ) as both_sides
    group by {{ names | join(', ') }}
    having sum(is_own) <> sum(1 - is_own)
    order by {{ names | join(', ') }}
{% endmacro %}
