-- A table or view in the schema of the models that no model makes: a model that is dropped leaves its table behind,
-- which nobody builds any more and which still looks like data. Drop the table, or move it to another schema. It is a
-- warning, since the KPIs are right, and people may have made the table.
{{ config(severity='warn', tags=['audit']) }}

{% set known = ['view_definitions'] -%}
{% for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot') -%}
    {% do known.append(node.alias) -%}
{% endfor -%}
{% for source in graph.sources.values() if source.source_name == 'bookkeeping' -%}
    {% do known.append(source.identifier) -%}
{% endfor -%}

select
    table_name,
    table_type
from svv_tables
where
    table_schema = '{{ target.schema }}'
    and table_name not in ('{{ known | join("', '") }}')
    and table_name not like '%\_\_dbt\_%'
