{#- How every KPI model (tag kpi) rebuilds its due days. In one transaction it merges the days' new rows, deletes the rows
    of these days that it did not write, and records the days. MERGE never deletes: a genre that was corrected, or an
    artist who fell out of the ten, would stay behind. -#}

{% macro due_days() %}
    {{ return(planned(ref('int_days_due'), date_text('listen_date'), model.name)) }}
{% endmacro %}

{% macro is_due_day(column) %}
    {{- is_planned(column, ref('int_days_due'), date_text('listen_date'), 'date') -}}
{% endmacro %}

{#- What the mechanism relies on. Without it a rebuilt day would overwrite other days, or lose rows of its own. -#}
{% macro require_the_day_as_grain() %}
    {% set key = model.config.unique_key or [] %}
    {% set key = [key] if key is string else key %}
    {% set strategy = model.config.incremental_strategy %}
    {% set code = modules.re.sub('--[^\n]*', '', model.raw_code) %}
    {% set faults = [] %}
    {% if model.config.materialized != 'incremental' or strategy != 'merge' %}
        {% do faults.append('is ' ~ model.config.materialized ~ ' (' ~ strategy ~ '), but the models of kpis/ are incremental merges') %}
    {% endif %}
    {% if 'listen_date' not in model.columns or 'built_at' not in model.columns %}
        {% do faults.append('needs the columns listen_date and built_at, by which its days are rebuilt') %}
    {% endif %}
    {% if 'listen_date' not in key %}
        {% do faults.append('has the unique_key ' ~ key ~ ", which must contain listen_date, since each day's rows are made anew") %}
    {% endif %}
    {% if modules.re.search('([)]|[^a-z_]as)[ \n\t]+"?listen_date([^a-z_0-9]|$)', code, modules.re.IGNORECASE) %}
        {% do faults.append('computes listen_date, which must be the day of the listens: weeks and months are no days') %}
    {% endif %}
    {% if execute and faults %}
        {{ exceptions.raise_compiler_error(model.name ~ ' ' ~ faults | join('; it ') ~ '.') }}
    {% endif %}
{% endmacro %}

{#- A microbatch model runs its hooks in each batch, so it is refused before anything runs. -#}
{% macro refuse_microbatch_kpis() %}
    {% for node in nodes_tagged('kpi') if node.config.incremental_strategy == 'microbatch' %}
        {{ exceptions.raise_compiler_error(
            node.name ~ ' is microbatch, but the models of kpis/ are incremental merges: give it none of'
            ~ ' incremental_strategy, event_time, batch_size and begin.'
        ) }}
    {% endfor %}
{% endmacro %}

{#- A row of a day that is not due would be built from a part of the day's listens. -#}
{% macro require_rows_of_due_days() %}
    {% set days = due_days() %}
    {% if days and not flags.FULL_REFRESH %}
        {% set strays = run_query(
            'select ' ~ date_text('min(listen_date)') ~ ' from ' ~ this
            ~ ' where built_at = ' ~ build_time() ~ ' and not (' ~ in_list('listen_date', days, 'date') ~ ')'
        ).columns[0].values() | reject('none') | list %}
        {% if strays %}
            {{ exceptions.raise_compiler_error(
                model.name ~ ' built rows of ' ~ strays[0] ~ ', a day that is not due: read the listens where'
                ~ " is_due_day('listen_date') and keep their listen_date."
            ) }}
        {% endif %}
    {% endif %}
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
    where model_name = '{{ model.name }}' and is_taken
{% endmacro %}
