{#- How every KPI model (tag kpi) rebuilds its due days. In one transaction it merges the days' new rows, deletes the rows
    of these days that it did not write, and records the days. MERGE never deletes: a genre that was corrected, or an
    artist who fell out of the ten, would stay behind. -#}

{% macro due_days() %}
    {{ return(planned(ref('int_days_due'), date_text('listen_date'), model.name)) }}
{% endmacro %}

{% macro is_due_day(column) %}
    {%- set days = due_days() -%}
    {%- if is_incremental() -%}{{ in_list(column, days, 'date') }}{%- else -%}true{%- endif -%}
{% endmacro %}

{% macro delete_rows_of_rebuilt_days() %}
    {% set days = due_days() %}
    {% if days %}
        delete from {{ this }}
        where {{ in_list('listen_date', days, 'date') }}
            and built_at <> {{ build_time() }}
    {% endif %}
{% endmacro %}

{% macro record_day_builds() %}
    insert into {{ source('bookkeeping', 'day_builds') }} (model_name, listen_date, version, built_at, run_id)
    select model_name, listen_date, version, {{ build_time() }}, {{ run_id() }}
    from {{ ref('int_days_due') }}
    where model_name = '{{ model.name }}'
{% endmacro %}
