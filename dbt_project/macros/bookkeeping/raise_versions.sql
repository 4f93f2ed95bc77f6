{#- A day is due while its version is above the one that a KPI model built. Three things raise it: listens of the day,
    a track that it streamed appearing in the catalogue, and somebody asking for a rebuild. -#}

{% macro raise_versions_of_days(days_query) %}
    merge into {{ source('bookkeeping', 'day_versions') }}
    using ({{ days_query }}) as touched_days
    on {{ source('bookkeeping', 'day_versions') }}.listen_date = touched_days.listen_date
    when matched then update set version = {{ source('bookkeeping', 'day_versions') }}.version + 1
    when not matched then insert (listen_date, version) values (touched_days.listen_date, 1)
{% endmacro %}

{% macro raise_versions_of_new_listens() %}
    {% set batches = due_batches() %}
    {% if batches %}
        {{ raise_versions_of_days(
            'select distinct listen_date from ' ~ this ~ ' where ' ~ in_list('loaded_at', batches, 'timestamp')
        ) }}
    {% endif %}
{% endmacro %}

{#- Only a catalogue with new tracks is worth a look at all listens, and most runs have none. -#}
{% macro raise_versions_of_new_tracks() %}
    {% set new_tracks = 'songs.known_since = songs.loaded_at and songs.loaded_at not in ' ~ recorded_snapshots() %}
    {% set any_new = run_query('select 1 from ' ~ this ~ ' as songs where ' ~ new_tracks ~ ' limit 1') %}
    {% if any_new | length %}
        {{ raise_versions_of_days(
            'select distinct listens.listen_date from ' ~ ref('fct_listens') ~ ' as listens'
            ~ ' inner join ' ~ this ~ ' as songs on listens.track_id = songs.track_id where ' ~ new_tracks
        ) }}
    {% endif %}
{% endmacro %}

{% macro raise_versions_of_days_asked_for() %}
    {% set first_day, last_day = date_var('rebuild_from', '0001-01-01'), date_var('rebuild_to', '9999-12-31') %}
    {% if var('rebuild_from') or var('rebuild_to') %}
        update {{ source('bookkeeping', 'day_versions') }}
        set version = version + 1
        where listen_date between '{{ first_day }}' and '{{ last_day }}'
    {% endif %}
{% endmacro %}

{% macro date_var(name, default) %}
    {% set value = var(name) or default %}
    {% if not modules.re.fullmatch('[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])', value | string) %}
        {{ exceptions.raise_compiler_error(name ~ " is '" ~ value ~ "': give a date as YYYY-MM-DD") }}
    {% endif %}
    {{ return(value | string) }}
{% endmacro %}
