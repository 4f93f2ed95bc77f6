{#- songs.csv and users.csv are whole snapshots of a file: a model of one works when another snapshot has landed, or when
    a full refresh has made it forget the one that it recorded, and rests otherwise. -#}

{% macro recorded_snapshots() -%}
    (select loaded_at from {{ source('bookkeeping', 'transformed_batches') }} where model_name = '{{ model.name }}')
{%- endmacro %}

{% macro is_new_snapshot(column) -%}
    {%- if is_incremental() -%}{{ column }} not in {{ recorded_snapshots() }}{%- else -%}true{%- endif -%}
{%- endmacro %}

{#- For a model that is written whole from its source: nothing stays but rows of the snapshot that it has recorded. -#}
{% macro delete_rows_to_write_again(source_relation) %}
    {% if is_incremental() %}
        delete from {{ this }}
        where loaded_at not in (
            select loaded_at from {{ source_relation }} where loaded_at in {{ recorded_snapshots() }}
        )
    {% endif %}
{% endmacro %}

{#- For a model that merges and so keeps what it knew of a row: it starts anew after a full refresh only. -#}
{% macro delete_rows_unless_recorded() %}
    {% if is_incremental() %}
        delete from {{ this }}
        where not exists {{ recorded_snapshots() }}
    {% endif %}
{% endmacro %}

{#- Every row of the newest snapshot was just written, so a row of an older one is of a track that vanished. -#}
{% macro delete_rows_of_other_snapshots(source_relation) %}
    delete from {{ this }}
    where loaded_at not in (select loaded_at from {{ source_relation }})
{% endmacro %}

{% macro record_snapshot() %}
    insert into {{ source('bookkeeping', 'transformed_batches') }} (model_name, loaded_at, recorded_at, run_id)
    select distinct '{{ model.name }}', loaded_at, {{ build_time() }}, {{ run_id() }}
    from {{ this }}
    where loaded_at not in {{ recorded_snapshots() }}
{% endmacro %}
