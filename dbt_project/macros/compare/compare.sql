{#- A model in the target's schema beside the same model in another one, for `dbt show --inline`: how many rows differ,
    and in which columns; and some of them. -#}

{% macro compare_counts(model_name, production_schema, key=none, identifier=none) %}
    {% set relations, keys, columns = things_to_compare(model_name, production_schema, key, identifier) %}
    {{ compare_rows(relations, keys, columns) }}

    select
        (select count(*) from {{ relations.own }}) as rows_here,
        (select count(*) from {{ relations.production }}) as rows_in_production,
        sum(case when is_production is null then 1 else 0 end) as only_here,
        sum(case when is_own is null then 1 else 0 end) as only_in_production,
        sum(case when differing_columns > 0 then 1 else 0 end) as differing
        {% for column in columns %}
            , sum(differs_{{ loop.index }}) as "{{ column.name }}"
        {% endfor %}
    from count_differing_columns
{% endmacro %}

{% macro compare_sample(model_name, production_schema, key=none, identifier=none) %}
    {% set relations, keys, columns = things_to_compare(model_name, production_schema, key, identifier) %}
    {{ compare_rows(relations, keys, columns) }}

    select
        {{ keys | join(', ') }},
        case when is_production is null then 1 else 0 end as only_here,
        case when is_own is null then 1 else 0 end as only_in_production
        {% for column in columns %}
            , differs_{{ loop.index }}, own_{{ loop.index }}, production_{{ loop.index }}
        {% endfor %}
    from count_differing_columns
    where is_production is null or is_own is null or differing_columns > 0
    order by differing_columns desc, {{ keys | join(', ') }}
{% endmacro %}

{#- The columns that one side lacks, a row each. -#}
{% macro compare_columns(model_name, production_schema) %}
    {% set relations, _, _ = things_to_compare(model_name, production_schema, '-') %}
    {% set own = adapter.get_columns_in_relation(relations.own) | map(attribute='name') | list if relations else [] %}
    {% set theirs = adapter.get_columns_in_relation(relations.production) | map(attribute='name') | list if relations else [] %}
    select '' as side, '' as column_name where 1 = 0
    {% for name in own if name not in theirs %}
        union all select 'here', '{{ name }}'
    {% endfor %}
    {% for name in theirs if name not in own %}
        union all select 'production', '{{ name }}'
    {% endfor %}
{% endmacro %}

{#- The two relations, the key, and the columns that both have; not when a row was built, which always differs. -#}
{% macro things_to_compare(model_name, production_schema, key, identifier=none) %}
    {% if not execute %}{{ return(({}, [], [])) }}{% endif %}
    {% set node = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
        | selectattr('name', 'equalto', model_name) | first %}
    {% set keys = key or node.config.unique_key %}
    {% set keys = [keys] if keys is string else keys %}
    {% set own = adapter.get_relation(target.database, target.schema, node.alias) %}
    {% set production = adapter.get_relation(target.database, production_schema, identifier or node.alias) %}
    {% for schema, relation in ((target.schema, own), (production_schema, production)) if relation is none %}
        {{ exceptions.raise_compiler_error('there is no ' ~ schema ~ '.' ~ model_name ~ ' to compare') }}
    {% endfor %}
    {% if not keys %}
        {{ exceptions.raise_compiler_error(model_name ~ ' has no unique_key: name the columns of a row by KEY=...') }}
    {% endif %}
    {% set theirs = adapter.get_columns_in_relation(production) | map(attribute='name') | list %}
    {% set columns = [] %}
    {% for column in adapter.get_columns_in_relation(own) %}
        {% if column.name in theirs and column.name not in keys and column.name != 'built_at' %}
            {% do columns.append(column) %}
        {% endif %}
    {% endfor %}
    {{ return(({'own': own, 'production': production}, keys, columns)) }}
{% endmacro %}

{% macro compare_rows(relations, keys, columns) %}
    with

    own as (

        select *, 1 as is_own from {{ relations.own }}

    ),

    production as (

        select *, 1 as is_production from {{ relations.production }}

    ),

    join_rows as (

        select
            {% for name in keys %}
                coalesce(own.{{ name }}, production.{{ name }}) as {{ name }},
            {% endfor %}
            {% for column in columns %}
                own.{{ column.name }} as own_{{ loop.index }},
                production.{{ column.name }} as production_{{ loop.index }},
                case
                    when own.is_own is null or production.is_production is null then 0
                    when own.{{ column.name }} is null and production.{{ column.name }} is null then 0
                    when {{ is_same(column) }} then 0
                    else 1
                end as differs_{{ loop.index }},
            {% endfor %}
            own.is_own,
            production.is_production
        from own
        full outer join production
            on
                {% for name in keys %}
                    own.{{ name }} = production.{{ name }}
                    {{ 'and' if not loop.last }}
                {% endfor %}

    ),

    count_differing_columns as (

        select
            *,
            {% for column in columns %}differs_{{ loop.index }} + {% endfor %}0 as differing_columns
        from join_rows

    )
{% endmacro %}

{#- The last digits of a double depend on the order in which the rows were added up. -#}
{% macro is_same(column) -%}
    {%- set own, production = 'own.' ~ column.name, 'production.' ~ column.name -%}
    {%- if column.is_float() -%}
        abs({{ own }} - {{ production }}) <= 1e-9 * greatest(abs({{ own }}), abs({{ production }}))
    {%- else -%}
        {{ own }} = {{ production }}
    {%- endif -%}
{%- endmacro %}
