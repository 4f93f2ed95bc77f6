{#- What every hook that records work relies on: one transaction, one time and one run. -#}

{#- dbt-redshift begins the transaction at the first hook inside it. Without one, a model's temporary table is filled
    before BEGIN, and rows that arrive between the two are recorded as built without having been read. -#}
{% macro open_transaction() %}
    select 1
{% endmacro %}

{#- One time for everything that a dbt command builds, so that a row tells whether this command wrote it. -#}
{% macro build_time() -%}
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp)
{%- endmacro %}

{#- The orchestrator's run, from the environment variable DBT_ENV_CUSTOM_ENV_RUN_ID: with a var, dbt would parse the whole
    project again in each run. -#}
{% macro run_id() -%}
    '{{ dbt_metadata_envs.get("RUN_ID", invocation_id) | replace("'", "") | replace("\\", "") }}'
{%- endmacro %}
