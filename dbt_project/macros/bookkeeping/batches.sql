{#- How every model that takes batches (tag by_batch) does so. In one transaction it deletes what it wrote for the batches
    that it takes again, inserts their rows, and records them. A batch can be taken any number of times, and ends the
    same also when it has no rows any more. -#}

{% macro due_batches() %}
    {{ return(planned(ref('int_batches_due'), timestamp_text('loaded_at'), model.name)) }}
{% endmacro %}

{% macro is_due_batch(column) %}
    {{- is_planned(column, ref('int_batches_due'), timestamp_text('loaded_at'), 'timestamp') -}}
{% endmacro %}

{#- The batches that any model is to take in. -#}
{% macro is_batch_of_the_plan(column) %}
    {{- in_list(column, planned(ref('int_batches_due'), timestamp_text('loaded_at')), 'timestamp') -}}
{% endmacro %}

{#- The days of the listens in the due batches, also of those that turn out to be duplicates. -#}
{% macro is_day_of_due_batch(column) %}
    {%- set streams, batches = ref('int_streams_due'), due_batches() -%}
    {%- if not is_incremental() -%}{{ return('true') }}{%- endif -%}
    {%- set days = run_query(
        'select distinct ' ~ date_text('listen_date') ~ ' from ' ~ streams
        ~ ' where listen_date is not null and ' ~ in_list('loaded_at', batches, 'timestamp') ~ ' order by 1'
    ).columns[0].values() | list if execute and batches else [] -%}
    {{ in_list(column, days, 'date') }}
{% endmacro %}

{#- The rows that the model wrote for batches which are due again; all its rows where it has recorded no batch at all,
    as after a request for a full refresh. Nothing for most runs, which take each batch for the first time. -#}
{% macro is_to_take_again() %}
    {% if not (execute and is_incremental()) %}{{ return('') }}{% endif %}
    {% set recorded = run_query(
        'select distinct ' ~ timestamp_text('due.loaded_at') ~ ' from ' ~ source('bookkeeping', 'transformed_batches')
        ~ ' as taken left join ' ~ ref('int_batches_due') ~ ' as due'
        ~ ' on taken.model_name = due.model_name and taken.loaded_at = due.loaded_at and due.is_taken'
        ~ " where taken.model_name = '" ~ model.name ~ "' order by 1"
    ).columns[0].values() | list %}
    {% if not recorded %}{{ return('true') }}{% endif %}
    {% set batches = recorded | reject('none') | list %}
    {{ return(in_list('loaded_at', batches, 'timestamp') if batches else '') }}
{% endmacro %}

{% macro delete_batches_to_take_again() %}
    {% set condition = is_to_take_again() %}
    {% if condition %}
        delete from {{ this }} where {{ condition }};
        delete from {{ source('bookkeeping', 'transformed_batches') }}
        where model_name = '{{ model.name }}' and {{ condition }}
    {% endif %}
{% endmacro %}

{% macro record_batches() %}
    insert into {{ source('bookkeeping', 'transformed_batches') }} (model_name, loaded_at, recorded_at, run_id)
    select model_name, loaded_at, {{ build_time() }}, {{ run_id() }}
    from {{ ref('int_batches_due') }}
    where model_name = '{{ model.name }}' and is_taken
{% endmacro %}

{#- Every test before the KPIs has let these batches pass. Until then a batch stays due for all of its models, and thereby
    under their tests: a model commits before it is tested, so a batch that failed a test would otherwise pass unseen in
    the next run. -#}
{% macro record_passed_batches() %}
    insert into {{ source('bookkeeping', 'passed_batches') }} (loaded_at, recorded_at, run_id)
    select distinct loaded_at, {{ build_time() }}, {{ run_id() }}
    from {{ ref('int_batches_due') }}
    where is_taken and loaded_at not in (select loaded_at from {{ source('bookkeeping', 'passed_batches') }})
{% endmacro %}

{#- A table that is made anew needs every batch that it recorded in int_streams_due, which has those of the plan. The others
    are still due. -#}
{% macro require_every_batch_in_the_plan() %}
    {% if execute and flags.WHICH in ('run', 'build') and not is_incremental() %}
        {% set missing = run_query(
            'select count(distinct loaded_at) from ' ~ source('landing', 'loaded_files')
            ~ " where table_name = 'streams' and landed_count > 0 and loaded_at in (select loaded_at from "
            ~ source('bookkeeping', 'transformed_batches') ~ " where model_name = '" ~ model.name ~ "')"
            ~ ' and loaded_at not in (select loaded_at from ' ~ ref('int_streams_due') ~ ')'
        ).columns[0].values()[0] %}
        {% if missing %}
            {{ exceptions.raise_compiler_error(
                model.name ~ ' would lose ' ~ missing ~ ' batches: refresh it together with what it is built from,'
                ~ " by --full-refresh --select '+" ~ model.name ~ "', or trigger the DAG with full_refresh"
            ) }}
        {% endif %}
    {% endif %}
{% endmacro %}
