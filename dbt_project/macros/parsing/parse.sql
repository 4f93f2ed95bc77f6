{#- Casts that never fail: what does not parse is null, and the model says what that means. -#}

{% macro trim_text(column) -%}
    nullif(trim({{ column }}), '')
{%- endmacro %}

{#- 18 digits fit a bigint whatever they are. -#}
{% macro parse_integer(column) -%}
    case when trim({{ column }}) ~ '^[+-]?[0-9]{1,18}$' then cast(trim({{ column }}) as bigint) end
{%- endmacro %}

{% macro parse_date(column) -%}
    case
        when trim({{ column }}) ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then try_cast(trim({{ column }}) as date)
    end
{%- endmacro %}
