{#- Post-hooks: they commit together with the rows that they record. -#}

{% macro record_batches() %}
    insert into {{ source('bookkeeping', 'transformed_batches') }} (model_name, loaded_at, recorded_at, run_id)
    select model_name, loaded_at, {{ build_time() }}, {{ run_id() }}
    from {{ ref('int_batches_due') }}
    where model_name = '{{ this.name }}'
{% endmacro %}

{#- What stands in transformed_batches, beside the models, for a batch that every test before the KPIs has let pass.
    Until then the batch stays due for all of its models, and thereby under their tests: a model commits before it is
    tested, and what a test held back in one run would go through in the next one otherwise. -#}
{% macro passed() -%}
    every test
{%- endmacro %}

{% macro record_passed_batches() %}
    insert into {{ source('bookkeeping', 'transformed_batches') }} (model_name, loaded_at, recorded_at, run_id)
    select distinct '{{ passed() }}', loaded_at, {{ build_time() }}, {{ run_id() }}
    from {{ ref('int_batches_due') }}
{% endmacro %}

{#- A full refresh that dies halfway leaves every batch due. -#}
{% macro forget_passed_batches() %}
    {% if should_full_refresh() %}
        delete from {{ source('bookkeeping', 'transformed_batches') }}
        where model_name = '{{ passed() }}'
    {% endif %}
{% endmacro %}

{% macro record_day_builds() %}
    insert into {{ source('bookkeeping', 'day_builds') }} (model_name, listen_date, version, built_at, run_id)
    select model_name, listen_date, version, {{ build_time() }}, {{ run_id() }}
    from {{ ref('int_days_due') }}
    where model_name = '{{ this.name }}'
{% endmacro %}

{#- MERGE never deletes: a genre that was corrected, or an artist who fell out of the ten, would stay behind. -#}
{% macro delete_rows_of_rebuilt_days() %}
    {% set days = due_days() %}
    {% if days %}
        delete from {{ this }}
        where {{ in_list('listen_date', days, 'date') }}
            and built_at <> {{ build_time() }}
    {% endif %}
{% endmacro %}

{#- One time for all that a dbt command builds, so that a row tells whether this command wrote it. -#}
{% macro build_time() -%}
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp)
{%- endmacro %}

{#- The run of the orchestrator, from the environment variable DBT_ENV_CUSTOM_ENV_RUN_ID: a var would make dbt parse
    the whole project again at each run. -#}
{% macro run_id() -%}
    '{{ dbt_metadata_envs.get("RUN_ID", invocation_id) | replace("'", "") | replace("\\", "") }}'
{%- endmacro %}
