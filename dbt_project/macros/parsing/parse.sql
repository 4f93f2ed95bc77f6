{#- Casts that never fail: what does not parse is null, and the model says what that means. -#}

{% macro trim_text(column) -%}
    nullif(trim({{ column }}), '')
{%- endmacro %}

{#- 18 digits fit a bigint whatever they are. -#}
{% macro parse_integer(column) -%}
    case when trim({{ column }}) ~ '^[+-]?[0-9]{1,18}$' then cast(trim({{ column }}) as bigint) end
{%- endmacro %}

{#- Ids are compared, not added up: all the digits that Redshift can hold. -#}
{% macro parse_long_integer(column) -%}
    case when trim({{ column }}) ~ '^[+-]?[0-9]{1,38}$' then cast(trim({{ column }}) as decimal(38, 0)) end
{%- endmacro %}

{% macro parse_date(column) -%}
    case
        when trim({{ column }}) ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then try_cast(trim({{ column }}) as date)
    end
{%- endmacro %}

{% macro select_digits() -%}
    {%- for digit in range(10) -%}
        select {{ digit }} as digit {{ 'union all ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
