"""An SNS topic of the local AWS and a queue that is subscribed to it: what a person would get."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config


class Inbox:
    """A topic of its own; `read` takes the messages that came since the last time."""

    def __init__(self, env: Mapping[str, str]) -> None:
        def client(service: str) -> Any:
            session = boto3.Session(
                env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], region_name=env["AWS_DEFAULT_REGION"]
            )
            return session.client(service, endpoint_url=env["AWS_ENDPOINT_URL"], config=Config(proxies={}))

        name = f"alerts-{uuid.uuid4().hex}"
        self._sqs = client("sqs")
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]
        sns = client("sns")
        self.topic = sns.create_topic(Name=name)["TopicArn"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=attributes["QueueArn"])

    def read(self) -> list[tuple[str, str]]:
        """Each message's subject and text."""
        found = []
        while True:
            messages = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                return found
            for message in messages:
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
                body = json.loads(message["Body"])
                found.append((body.get("Subject", ""), body["Message"]))

    def wait(self, count: int, seconds: float = 60) -> list[tuple[str, str]]:
        """`read` until so many messages have come, or the time is over."""
        found, end = self.read(), time.monotonic() + seconds
        while len(found) < count and time.monotonic() < end:
            time.sleep(0.5)
            found += self.read()
        return found
