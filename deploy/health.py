"""Whether what was deployed works: asked of AWS itself, and told as it was answered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

DAG, POOL, SLOTS = "streaming_kpis", "transform", 4  # as in dags/kpi_pipeline/transform.py
OK, FAILED, UNKNOWN, WARNING = "ok", "FAILED", "not checked", "WARNING"
# MWAA syncs dags/ every half minute and parses it then.
PATIENCE_SECONDS, POLL_SECONDS = 600, 15


@dataclass(frozen=True)
class Check:
    """What a check found.

    Attributes:
        name: What was looked at.
        state: OK, FAILED, WARNING, or UNKNOWN where nobody could be asked.
        text: What was found, or why nothing was.
    """

    name: str
    state: str
    text: str


class Unanswered(Exception):
    """An endpoint that is not AWS has no such service."""


def ask(call: Callable[..., Any], emulated: bool, **arguments: Any) -> Any:
    """Call AWS.

    Args:
        call: The method of a boto3 client.
        emulated: Whether the endpoint is something else than AWS, which need not have every service.
        arguments: The method's.

    Raises:
        Unanswered: The endpoint is not AWS and has no such service.
    """
    try:
        return call(**arguments)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if emulated and (status >= 500 or status in (403, 404, 405)) and not _is_of_service(error):
            raise Unanswered from error
        raise
    except BotoCoreError as error:
        if emulated:
            raise Unanswered from error
        raise


def _is_of_service(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code", "").endswith(("NotFoundException", "ValidationException"))


def workgroup(client: Any, name: str, emulated: bool) -> Check:
    """Check that Redshift is there and answers to nobody outside."""
    title = "Redshift"
    try:
        found = ask(client.get_workgroup, emulated, workgroupName=name)["workgroup"]
    except Unanswered:
        return Check(title, UNKNOWN, "this endpoint has no Redshift Serverless")
    except ClientError as error:
        return Check(title, FAILED, str(error))
    if found.get("publiclyAccessible"):
        return Check(title, FAILED, f"the workgroup {name} is open to the internet")
    if found["status"] != "AVAILABLE":
        return Check(title, FAILED, f"the workgroup {name} is {found['status']}")
    return Check(title, OK, f"the workgroup {name} is available")


def environment(client: Any, name: str, emulated: bool) -> Check:
    """Check that MWAA is there and that its last update went through."""
    title = "Airflow"
    try:
        found = ask(client.get_environment, emulated, Name=name)["Environment"]
    except Unanswered:
        return Check(title, UNKNOWN, "this endpoint has no MWAA")
    except ClientError as error:
        return Check(title, FAILED, str(error))
    update = found.get("LastUpdate", {})
    if update.get("Status") == "FAILED":
        reason = update.get("Error", {}).get("ErrorMessage", "MWAA gives no reason")
        return Check(title, FAILED, f"the last update of {name} failed: {reason}")
    if found["Status"] != "AVAILABLE":
        return Check(title, FAILED, f"the environment {name} is {found['Status']}")
    return Check(title, OK, f"{name} is available, with Airflow {found.get('AirflowVersion', '?')}")


class Airflow:
    """Airflow's own API, through MWAA.

    Args:
        client: A boto3 MWAA client.
        name: The environment.
        wait: Waits a number of seconds.
    """

    def __init__(self, client: Any, name: str, wait: Callable[[float], None] = time.sleep) -> None:
        self._client, self._name, self._wait = client, name, wait

    def pool(self) -> Check:
        """Make the pool, or set its slots: with fewer the audit never starts, with more it is not alone."""
        title = f"pool {POOL}"
        found = self._call("GET", f"/pools/{POOL}")
        if found is not None and found["slots"] == SLOTS:
            return Check(title, OK, f"has {SLOTS} slots")
        pool = {"slots": SLOTS, "description": "dbt's models.", "include_deferred": True}
        if found is not None:
            made = self._call("PATCH", f"/pools/{POOL}", {"pool": POOL, **pool})
            done = f"has {SLOTS} slots now, instead of {found['slots']}"
        else:
            made = self._call("POST", "/pools", {"name": POOL, **pool})
            done = f"made, with {SLOTS} slots"
        if made is None:
            advice = f"give the pool {POOL} {SLOTS} slots in its UI (Admin > Pools)"
            return Check(title, FAILED, f"Airflow does not take it: {advice}")
        return Check(title, OK, done)

    def dag(self) -> Check:
        """Check that the DAG is there, without an import error; waits while MWAA syncs it."""
        title, waited = f"DAG {DAG}", 0
        while True:
            broken = (self._call("GET", "/importErrors") or {}).get("import_errors", [])
            if broken:
                lines = str(broken[0].get("stack_trace", "")).strip().splitlines() or ["no reason"]
                return Check(title, FAILED, f"{broken[0].get('filename', '?')} can't be imported: {lines[-1]}")
            found = self._call("GET", f"/dags/{DAG}")
            if found is not None:
                paused = "paused: unpause it in the UI" if found.get("is_paused") else "scheduled"
                return Check(title, OK, f"is parsed and {paused}")
            if waited >= PATIENCE_SECONDS:
                return Check(
                    title,
                    FAILED,
                    f"Airflow does not know it after {PATIENCE_SECONDS} seconds; look at the DAG processing log",
                )
            self._wait(POLL_SECONDS)
            waited += POLL_SECONDS

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the answer; None where there is nothing of that name."""
        arguments = {"Name": self._name, "Method": method, "Path": path, **({"Body": dict(body)} if body else {})}
        try:
            answer = self._client.invoke_rest_api(**arguments)
        except ClientError as error:
            if error.response.get("RestApiStatusCode") in (404, 409):
                return None
            raise
        content = answer.get("RestApiResponse", {})
        return json.loads(content) if isinstance(content, str) else content


def pool(client: Any, name: str, wait: Callable[[float], None] = time.sleep) -> Check:
    """Make the pool inside Airflow; that its API can't be reached is a check that failed, with its reason."""
    return _inside(f"pool {POOL}", Airflow(client, name, wait).pool)


def dag(client: Any, name: str, wait: Callable[[float], None] = time.sleep) -> Check:
    """Check the DAG inside Airflow; that its API can't be reached is a check that failed, with its reason."""
    return _inside(f"DAG {DAG}", Airflow(client, name, wait).dag)


def _inside(title: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except (ClientError, BotoCoreError) as error:
        return Check(title, FAILED, f"MWAA does not pass the question on to Airflow: {error}")


def alerts(client: Any, topic: str) -> Check:
    """Check that somebody is subscribed to the topic that alarms and runs send to.

    Args:
        client: A boto3 SNS client.
        topic: The topic's ARN.
    """
    title = "alerts"
    try:
        pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        # SNS gives a subscription its ARN once it is confirmed.
        found = [entry["SubscriptionArn"] for page in pages for entry in page["Subscriptions"]]
    except (ClientError, BotoCoreError) as error:
        return Check(title, UNKNOWN, f"SNS does not say who is subscribed to {topic}: {error}")
    confirmed = [arn for arn in found if arn.startswith("arn:")]
    if confirmed:
        return Check(title, OK, f"{len(confirmed)} subscribed to {topic}")
    reason = "nobody has confirmed the subscription by its first mail" if found else "nobody is subscribed"
    return Check(title, WARNING, f"NOBODY HEARS OF A FAILURE: {reason} to {topic}")
