"""Send the message of a run that is late: what the deadline of ``kpi_pipeline.alerts`` calls.

It is here because the triggerer, which sends it, imports from the plugins folder and not from the DAGs'.
"""

from collections.abc import Mapping
from typing import Any


async def notify(context: Mapping[str, Any], **notification: Any) -> None:
    """Render and send one notification of the amazon provider.

    Args:
        context: Airflow's: ``dag_run`` and ``deadline``, as the REST API has them.
        notification: The arguments of ``SnsNotifier``, templates of Jinja.
    """
    # Airflow imports this module with each parse of the DAG file; the provider's hook would bring boto3, half a second.
    from airflow.providers.amazon.aws.notifications.sns import SnsNotifier

    await SnsNotifier(context=context, **notification)
