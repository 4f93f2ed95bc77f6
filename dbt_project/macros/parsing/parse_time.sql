{#- A time as the contract writes it: `YYYY-MM-DD`, a blank or a `T`, `hh:mm:ss`, decimals, and a zone. -#}

{% macro is_written_as_time(column) -%}
    {%- set time = '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,6})?' -%}
    {%- set zone = '(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?$' -%}
    {{ column }} ~ '{{ time ~ zone }}'
{%- endmacro %}

{#- The time without its zone; null where it is no real date. Decimals and zone begin at the 20th character. -#}
{% macro parse_local_time(column) -%}
    try_cast(
        replace(substring({{ column }}, 1, 19), 'T', ' ') || regexp_substr(substring({{ column }}, 20), '^[.][0-9]+')
        as timestamp
    )
{%- endmacro %}

{#- `+02:00` and `+0200` alike become `+0200`; `Z` and no zone become empty text. -#}
{% macro find_offset(column) -%}
    replace(regexp_substr(substring({{ column }}, 20), '[+-].*$'), ':', '')
{%- endmacro %}

{% macro to_utc(local_time, utc_offset) -%}
    case
        when {{ local_time }} is null then null
        when {{ utc_offset }} = '' then {{ local_time }}
        else dateadd(
            minute,
            case when substring({{ utc_offset }}, 1, 1) = '-' then 1 else -1 end
            * (
                60 * cast(substring({{ utc_offset }}, 2, 2) as integer)
                + coalesce(cast(nullif(substring({{ utc_offset }}, 4, 2), '') as integer), 0)
            ),
            {{ local_time }}
        )
    end
{%- endmacro %}
