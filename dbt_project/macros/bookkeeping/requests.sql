{#- A request for a rebuild or a full refresh is a row of landing.requests. The first model of a run turns every open
    request into work that is due and closes it in the same transaction. Nothing can interrupt a request from then on:
    what is due stays due until it is done. -#}

{% macro carry_out_requests() %}
    {% set requests %}
        select kind, {{ date_text('first_day') }} as first_day, {{ date_text('last_day') }} as last_day, run_id
        from {{ source('landing', 'requests') }}
        where {{ is_open_request() }}
    {% endset %}
    {% set rows = run_query(requests).rows if execute else [] %}
    {% set kinds = rows | map(attribute='kind') | list %}

    {% if should_full_refresh() or 'full_refresh' in kinds %}
        delete from {{ source('bookkeeping', 'transformed_batches') }};
        delete from {{ source('bookkeeping', 'passed_batches') }};
        {{ raise_versions_of_known_days() }}
    {% endif %}
    {% for row in rows %}
        {% do log('Carrying out the ' ~ row.kind ~ ' that the run ' ~ row.run_id ~ ' was asked for', info=true) %}
        {% if row.kind == 'rebuild' %}
            {{ raise_versions_of_known_days(row.first_day, row.last_day) }}
        {% endif %}
    {% endfor %}
    {% if rows %}
        update {{ source('landing', 'requests') }}
        set carried_out_at = {{ build_time() }}, carried_out_by = {{ run_id() }}
        where {{ is_open_request() }}
    {% endif %}
{% endmacro %}

{#- Analysts build the same project into schemas of their own, which production's requests are not for. -#}
{% macro is_open_request() -%}
    carried_out_at is null and marts_schema = '{{ target.schema }}'
{%- endmacro %}
