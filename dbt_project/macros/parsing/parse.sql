{#- Casts that never fail: what does not parse is null, and the model says what that means. -#}

{% macro trim_text(column) -%}
    nullif(trim({{ column }}), '')
{%- endmacro %}

{#- 18 digits fit a bigint whatever they are. pandas writes an integer of a column with gaps as `60.0`. -#}
{% macro parse_integer(column) -%}
    case
        when trim({{ column }}) ~ '^[+-]?[0-9]{1,18}([.]0+)?$'
            then cast(split_part(trim({{ column }}), '.', 1) as bigint)
    end
{%- endmacro %}

{#- Ids are compared, not added up: all the digits that Redshift can hold. -#}
{% macro parse_long_integer(column) -%}
    case
        when trim({{ column }}) ~ '^[+-]?[0-9]{1,38}([.]0+)?$'
            then cast(split_part(trim({{ column }}), '.', 1) as decimal(38, 0))
    end
{%- endmacro %}

{% macro parse_date(column) -%}
    case
        when trim({{ column }}) ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then try_cast(trim({{ column }}) as date)
    end
{%- endmacro %}

{#- The numbers from 1 to 10,000, each by its four digits. -#}
{% macro select_positions(name) -%}
    select thousands.digit * 1000 + hundreds.digit * 100 + tens.digit * 10 + ones.digit + 1 as {{ name }}
    from ({{ select_digits() }}) as thousands
    {% for place in ['hundreds', 'tens', 'ones'] -%}
        cross join ({{ select_digits() }}) as {{ place }}
    {% endfor -%}
{%- endmacro %}

{% macro select_digits() -%}
    {%- for digit in range(10) -%}
        select {{ digit }} as digit {{ 'union all ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
