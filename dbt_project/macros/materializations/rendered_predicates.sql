{#- dbt evaluates a config while it parses, when there is no plan yet. So an incremental predicate is a template here, as
    a hook is, and is rendered when the model runs: Redshift prunes the target's blocks by the literals that it has then.
    In a merge it stands in ON, where a row of the target outside of it counts as not matched, and its source row would
    be inserted once more. That cannot happen where the predicate is on a column of the unique key and every source row
    is within it: a row of the target with the same key is within it then, too. -#}

{% macro redshift__get_incremental_merge_sql(arg_dict) %}
    {% set predicates = [] %}
    {% for predicate in arg_dict['incremental_predicates'] or [] %}
        {% do predicates.append(render(predicate)) %}
    {% endfor %}
    {{ return(default__get_incremental_merge_sql(dict(arg_dict, incremental_predicates=predicates))) }}
{% endmacro %}

