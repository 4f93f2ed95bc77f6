{#- songs.csv is a whole snapshot: a model of it works when another one has landed, and rests otherwise. -#}

{% macro recorded_snapshots() -%}
    (select loaded_at from {{ source('bookkeeping', 'transformed_batches') }} where model_name = '{{ model.name }}')
{%- endmacro %}

{% macro is_new_snapshot(column) -%}
    {%- if is_incremental() -%}{{ column }} not in {{ recorded_snapshots() }}{%- else -%}true{%- endif -%}
{%- endmacro %}

{#- Every row of the newest snapshot was just written, so a row of an older one is of a track that vanished, or that has
    other artists now. -#}
{% macro delete_rows_of_other_snapshots(newest) %}
    delete from {{ this }}
    where loaded_at not in (select loaded_at from {{ newest }})
{% endmacro %}

{% macro record_snapshot() %}
    insert into {{ source('bookkeeping', 'transformed_batches') }} (model_name, loaded_at, recorded_at, run_id)
    select distinct '{{ this.name }}', loaded_at, {{ build_time() }}, {{ run_id() }}
    from {{ this }}
    where loaded_at not in {{ recorded_snapshots() }}
{% endmacro %}
