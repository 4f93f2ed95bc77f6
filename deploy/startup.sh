# shellcheck shell=bash
# MWAA sources this before each component starts, and kills it after five minutes: it only names settings. The options
# kpi.* and redshift.* of the environment arrive as AIRFLOW__KPI__* and AIRFLOW__REDSHIFT__*; the pipeline and dbt
# read KPI_* and REDSHIFT_*. No `set -e` and no `exit`: either would end the container.
for option in "${!AIRFLOW__KPI__@}"; do
    export "KPI_${option#AIRFLOW__KPI__}=${!option}"
done
for option in "${!AIRFLOW__REDSHIFT__@}"; do
    export "REDSHIFT_${option#AIRFLOW__REDSHIFT__}=${!option}"
done
export DBT_SEND_ANONYMOUS_USAGE_STATS=false
unset option
