"""Stacks: what they are, what would change, and changing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from deploy import cloudformation
from deploy.errors import DeployError

# A first environment of MWAA takes half an hour, and the stacks around it some minutes.
WAIT_SECONDS, POLL_SECONDS = 90 * 60, 15
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
NESTED = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Stack:
    """A stack as it is.

    Attributes:
        status: CloudFormation's word for it.
        parameters: Its parameters.
        outputs: Its outputs.
        template: The text of its template.
    """

    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    template: str


class Stacks:
    """The stacks of an account and region.

    Args:
        client: A boto3 CloudFormation client.
        progress: Is called with a line for each step.
    """

    def __init__(self, client: Any, progress: Callable[[str], None]) -> None:
        self._client, self._progress = client, progress

    def find(self, name: str) -> Stack | None:
        """Return a stack, or None where there is none."""
        try:
            stack = self._client.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        if stack["StackStatus"] in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
            return None
        return Stack(
            status=stack["StackStatus"],
            parameters={entry["ParameterKey"]: entry["ParameterValue"] for entry in stack.get("Parameters", ())},
            outputs={entry["OutputKey"]: entry["OutputValue"] for entry in stack.get("Outputs", ())},
            template=self._template(name),
        )

    def apply(self, name: str, template: str, parameters: Mapping[str, str]) -> bool:
        """Create or update a stack and wait for its end.

        Args:
            name: The stack.
            template: The template's text.
            parameters: All that differ from the defaults; the others return to them.

        Returns:
            Whether anything had to be done.

        Raises:
            DeployError: It can't be changed now, or the change failed; the message has CloudFormation's first reason.
        """
        stack = self.find(name)
        if stack is not None:
            self._check(name, stack)
            if not self.is_due(stack, template, parameters):
                return False
        verb, change = ("create", self._client.create_stack) if stack is None else ("update", self._client.update_stack)
        self._progress(f"{verb.rstrip('e')}ing the stack {name}")
        try:
            change(
                StackName=name,
                TemplateBody=template,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Capabilities=["CAPABILITY_NAMED_IAM"],
                Tags=[{"Key": "project", "Value": "streaming-kpis"}],
            )
            self._client.get_waiter(f"stack_{verb}_complete").wait(
                StackName=name, WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": WAIT_SECONDS // POLL_SECONDS}
            )
        except ClientError as error:
            message = error.response.get("Error", {}).get("Message", str(error))
            if "No updates are to be performed" in message:
                return False
            raise DeployError(f"CloudFormation refuses the stack {name}: {message}") from None
        except WaiterError:
            raise DeployError(
                f"The stack {name} failed: {self._reason(name) or 'CloudFormation gives no reason'}"
            ) from None
        return True

    def is_due(self, stack: Stack, template: str, parameters: Mapping[str, str]) -> bool:
        """Tell whether a stack differs from what it should be."""
        return stack.template != template or dict(stack.parameters) != self.with_defaults(template, parameters)

    def with_defaults(self, template: str, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return all parameters that a template would get.

        Raises:
            DeployError: The template knows no such parameter, or one that it must have is missing.
        """
        known = cloudformation.parse(template).get("Parameters", {})
        if unknown := sorted(set(parameters) - set(known)):
            raise DeployError(f"The templates have no parameter {unknown[0]}: deploy/templates/root.yaml lists them.")
        values = {name: str(entry["Default"]) for name, entry in known.items() if "Default" in entry} | dict(parameters)
        if missing := sorted(set(known) - set(values)):
            raise DeployError(f"The parameter {missing[0]} has no value.")
        return values

    def nested(self, name: str) -> dict[str, str]:
        """Return the templates of the stacks nested in a stack, by their name in it."""
        resources = self._client.describe_stack_resources(StackName=name)["StackResources"]
        return {
            resource["LogicalResourceId"]: self._template(resource["PhysicalResourceId"])
            for resource in resources
            if resource["ResourceType"] == NESTED and resource.get("PhysicalResourceId")
        }

    def _template(self, name: str) -> str:
        body = self._client.get_template(StackName=name)["TemplateBody"]
        # boto3 turns a template in JSON into a dict; ours are YAML.
        return body if isinstance(body, str) else str(body)

    def _check(self, name: str, stack: Stack) -> None:
        if stack.status in SETTLED:
            return
        if stack.status.endswith("_IN_PROGRESS") and not stack.status.startswith("ROLLBACK"):
            raise DeployError(f"The stack {name} is being changed already ({stack.status}): wait until that has ended.")
        if stack.status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
            raise DeployError(
                f"The stack {name} was never whole ({stack.status}), and CloudFormation updates no such stack: delete "
                f"it (aws cloudformation delete-stack --stack-name {name}) and deploy again."
            )
        raise DeployError(
            f"The stack {name} is in the state {stack.status}: bring it back to where it was "
            f"(aws cloudformation continue-update-rollback --stack-name {name}) and deploy again."
        )

    def _reason(self, name: str, depth: int = 0) -> str:
        """Return the first failure of a stack's newest change, from the nested stack in which it happened."""
        events = self._client.describe_stack_events(StackName=name)["StackEvents"]
        failed = []
        for event in events:  # the newest first, back to where the newest change began
            status, own = event["ResourceStatus"], event["PhysicalResourceId"] == event["StackId"]
            if own and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
                break
            if status.endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", ""):
                failed.append(event)
        if not failed:
            return ""
        first = failed[-1]
        if first["ResourceType"] == NESTED and depth < 3 and first["PhysicalResourceId"] not in ("", first["StackId"]):
            return self._reason(first["PhysicalResourceId"], depth + 1) or first.get("ResourceStatusReason", "")
        return f"{first['LogicalResourceId']} ({first['ResourceType']}): {first.get('ResourceStatusReason', '')}"
