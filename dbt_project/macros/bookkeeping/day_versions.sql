{#- A day is due while its version is above the one that a KPI model has built. Four things raise it: listens of the day
    arrive, listens of it are taken back, a track that it streamed appears in the catalogue, or somebody asks for it. -#}

{% macro raise_versions(days_query) %}
    merge into {{ source('bookkeeping', 'day_versions') }}
    using ({{ days_query }}) as touched_days
    on {{ source('bookkeeping', 'day_versions') }}.listen_date = touched_days.listen_date
    when matched then update set version = {{ source('bookkeeping', 'day_versions') }}.version + 1
    when not matched then insert (listen_date, version) values (touched_days.listen_date, 1)
{% endmacro %}

{% macro raise_versions_of_new_listens() %}
    {% set batches = due_batches() %}
    {% if batches %}
        {{ raise_versions(
            'select distinct listen_date from ' ~ this ~ ' where ' ~ in_list('loaded_at', batches, 'timestamp')
        ) }}
    {% endif %}
{% endmacro %}

{#- A listen that is taken again may have moved to another day, or may be none any more. -#}
{% macro raise_versions_of_listens_to_take_again() %}
    {% set condition = is_to_take_again() %}
    {% if condition %}
        {{ raise_versions('select distinct listen_date from ' ~ this ~ ' where ' ~ condition) }}
    {% endif %}
{% endmacro %}

{#- Only a catalogue with new tracks is worth a look at all listens, and most runs have none. -#}
{% macro raise_versions_of_new_tracks() %}
    {% set new_tracks = 'songs.known_since = songs.loaded_at and songs.loaded_at not in ' ~ recorded_snapshots() %}
    {% set any_new = run_query('select 1 from ' ~ this ~ ' as songs where ' ~ new_tracks ~ ' limit 1') %}
    {% if any_new | length %}
        {{ raise_versions(
            'select distinct listens.listen_date from ' ~ ref('fct_listens') ~ ' as listens'
            ~ ' inner join ' ~ this ~ ' as songs on listens.track_id = songs.track_id where ' ~ new_tracks
        ) }}
    {% endif %}
{% endmacro %}

{#- Every day that the bookkeeping or a KPI table knows, also one that has lost all its listens. -#}
{% macro raise_versions_of_known_days(first_day, last_day) %}
    {% set in_range = "listen_date between '" ~ (first_day or '0001-01-01') ~ "' and '" ~ (last_day or '9999-12-31') ~ "'" %}
    update {{ source('bookkeeping', 'day_versions') }}
    set version = version + 1
    where {{ in_range }};

    insert into {{ source('bookkeeping', 'day_versions') }} (listen_date, version)
    select listen_date, max(version) + 1
    from (
        select listen_date, version from {{ source('bookkeeping', 'day_builds') }}
        {% for node in nodes_tagged('kpi') if 'listen_date' in node.columns %}
            {% set relation = load_cached_relation(api.Relation.create(node.database, node.schema, node.alias)) %}
            {% if relation is not none %}
                union all
                select listen_date, 0 from {{ relation }}
            {% endif %}
        {% endfor %}
    ) as known_days
    where
        {{ in_range }}
        and listen_date not in (select listen_date from {{ source('bookkeeping', 'day_versions') }})
    group by listen_date;
{% endmacro %}
