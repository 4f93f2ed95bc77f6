"""Planning and making a deployment, one after the other what each does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from deploy import cloudformation, health, release, source, warehouse, zones
from deploy.environment import Environment
from deploy.errors import DeployError
from deploy.stacks import Stacks
from deploy.upload import Bucket, Change, before_airflow

Progress = Callable[[str], None]


@dataclass
class Target:
    """An environment in an account and region.

    Args:
        environment: The environment.
        progress: Is called with a line for each step.
    """

    environment: Environment
    progress: Progress

    def __post_init__(self) -> None:
        """Ask whose credentials these are.

        Raises:
            DeployError: There are none, they are another account's, or there is no region.
        """
        self.emulated = any(name.startswith("AWS_ENDPOINT_URL") and value for name, value in os.environ.items())
        # boto3 knows AWS_DEFAULT_REGION only; the AWS CLI and the other SDKs take AWS_REGION first.
        self._session = boto3.Session(region_name=self.environment.region or os.environ.get("AWS_REGION") or None)
        if not self._session.region_name:
            raise DeployError(f"No AWS region is set: write one into {self.environment.name}.yaml, or set AWS_REGION.")
        self.region: str = self._session.region_name
        with explained():
            self.account = self.client("sts").get_caller_identity()["Account"]
        if self.environment.account not in (None, self.account):
            raise DeployError(
                f"These credentials are of the account {self.account}, and {self.environment.name} belongs into "
                f"{self.environment.account}: use that account's."
            )
        self.partition: str = self._session.get_partition_for_region(self.region)
        self.stacks = Stacks(self.client("cloudformation"), self.progress)

    def client(self, service: str) -> Any:
        """Return a boto3 client."""
        # What an emulator lacks it answers with errors of its own, and asking again does not help.
        attempts = 1 if self.emulated else 5
        return self._session.client(
            service, config=Config(retries={"total_max_attempts": attempts, "mode": "standard"})
        )

    def template_url(self, bucket: str, digest: str) -> str:
        """Return where CloudFormation finds the nested templates."""
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return f"https://{bucket}.s3.{self.region}.{suffix}/{digest}"

    def template_bucket(self) -> str:
        """Return the template bucket's name, before it exists too."""
        return f"{self.environment.stack}-templates-{self.account}-{self.region}"

    def parameters(self, tree: Path, **own: str) -> dict[str, str]:
        """Return the parameters of the root stack."""
        url = self.template_url(self.template_bucket(), cloudformation.digest(tree / "deploy" / "templates"))
        return {
            "ZoneIds": self._zones(),
            **self.environment.parameters,
            "Environment": self.environment.name,
            "TemplateUrl": url,
            **own,
        }

    def _zones(self) -> str:
        """Return the zones of the network: those that it has already, since a subnet can't move."""
        if given := self.environment.parameters.get("ZoneIds"):
            return given
        stack = self.stacks.find(self.environment.stack)
        return (stack and stack.parameters.get("ZoneIds")) or ",".join(zones.choose(self.client("ec2"), self.region))

    def parse_environment(self, outputs: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of the dbt project as they stand in MWAA."""
        return {
            "AWS_DEFAULT_REGION": self.region,
            "KPI_ANALYST_ROLE": "analyst",
            "KPI_DBT_TARGET": "prod",
            "REDSHIFT_DATABASE": outputs.get("RedshiftDatabase", ""),
            "REDSHIFT_HOST": outputs.get("RedshiftHost", ""),
            "REDSHIFT_PORT": "5439",
            "REDSHIFT_WORKGROUP": outputs.get("Workgroup", ""),
        }


@contextmanager
def explained() -> Any:
    """Turn what AWS answers into one sentence."""
    try:
        yield
    except NoCredentialsError:
        raise DeployError("There are no AWS credentials: log in first (aws sso login, or AWS_PROFILE=...).") from None
    except NoRegionError:
        raise DeployError("No AWS region is set: set AWS_REGION.") from None
    except ClientError as error:
        message = error.response.get("Error", {}).get("Message", "") or str(error)
        raise DeployError(f"AWS refuses {error.operation_name}: {message}") from error
    except BotoCoreError as error:
        raise DeployError(f"AWS can't be reached: {' '.join(str(error).split())}") from error


def plan(target: Target, repository: Path, version: str | None) -> bool:
    """Tell what a deployment would change, and change nothing.

    Returns:
        Whether it would change anything.
    """
    with source.checkout(repository, version) as made, explained():
        _lint(target, made.tree / "deploy" / "templates")
        target.progress(f"{target.environment.stack} in {target.region} ({target.account}), version {made.label}")
        for line in _without_alerts(target):
            target.progress(line)
        lines = _stack_changes(target, made.tree)
        root = target.stacks.find(target.environment.stack)
        items = release.items(made.tree, target.parse_environment(root.outputs if root else {}))
        if root and "ArtifactBucket" in root.outputs:
            changes = Bucket(target.client("s3"), root.outputs["ArtifactBucket"]).changes(items)
        else:
            changes = [Change("+", item.key, item) for item in items]
        lines += [f"{change.mark} {change.key}" for change in changes]
    for line in lines or ["nothing would change"]:
        target.progress(line)
    return bool(lines)


def deploy(target: Target, repository: Path, version: str | None, wheels: Path | None = None) -> list[health.Check]:
    """Bring an environment to a version.

    Args:
        target: The environment.
        repository: The repository.
        version: A tag, branch or commit; None for what is checked out.
        wheels: A directory of wheels for MWAA; None to download them.

    Returns:
        What the health checks found.

    Raises:
        DeployError: Something stopped it; what was done so far stays, and the next deployment goes on from there.
    """
    with source.checkout(repository, version) as made, explained():
        templates = made.tree / "deploy" / "templates"
        _lint(target, templates)
        target.progress(f"{target.environment.stack} in {target.region} ({target.account}), version {made.label}")
        unheard = _without_alerts(target)
        if unheard and target.environment.is_production and "AlertEmail" not in target.environment.waived:
            raise DeployError(" ".join(unheard))
        for line in unheard:
            target.progress(line)
        name, root = target.environment.stack, (templates / "root.yaml").read_text(encoding="utf-8")
        changed = _put_templates(target, templates)
        if target.stacks.find(name) is None:
            # MWAA wants its files in the bucket before it starts, so Airflow comes in the second step.
            changed |= target.stacks.apply(name, root, target.parameters(made.tree, Stage="base"))
        outputs = _outputs(target)
        items = release.items(made.tree, target.parse_environment(outputs), wheels)
        # A DAG is scheduled as soon as it is uploaded: its user, its schemas and its pool are there before.
        checks = _prepare_warehouse(target, outputs, items)
        bucket = Bucket(target.client("s3"), outputs["ArtifactBucket"])
        changes = bucket.changes(items)
        bucket.apply(before_airflow(changes), made.commit, target.progress)
        changed |= target.stacks.apply(name, root, target.parameters(made.tree, **bucket.versions()))
        outputs = _outputs(target)
        checks += _prepare_airflow(target, outputs)
        bucket.apply(
            [change for change in changes if change not in before_airflow(changes)], made.commit, target.progress
        )
        if not changed and not changes:
            target.progress("nothing has changed")
        checks += [_check_dag(target, outputs, checks), _check_alerts(target)]
    for check in checks:
        target.progress(f"{check.name}: {check.state}, {check.text}")
    for line in _addresses(target, outputs):
        target.progress(line)
    return checks


def open_warehouse(target: Target) -> warehouse.DataApi:
    """Return the environment's warehouse, as its administrator, through the Data API.

    Raises:
        DeployError: There is no such environment.
    """
    outputs = _outputs(target)
    serverless = target.client("redshift-serverless")
    with explained():
        secret = serverless.get_namespace(namespaceName=outputs["Workgroup"])["namespace"]["adminPasswordSecretArn"]
    client = target.client("redshift-data")
    return warehouse.DataApi(
        client, workgroup=outputs["Workgroup"], database=outputs["RedshiftDatabase"], secret=secret
    )


def _outputs(target: Target) -> Mapping[str, str]:
    stack = target.stacks.find(target.environment.stack)
    if stack is None:
        raise DeployError(
            f"{target.region} has no stack {target.environment.stack}: make deploy ENV={target.environment.name}."
        )
    return stack.outputs


def _lint(target: Target, templates: Path) -> None:
    texts = tuple((path.name, path.read_text(encoding="utf-8")) for path in sorted(templates.glob("*.yaml")))
    _lint_texts(texts, target.region)


@cache
def _lint_texts(texts: tuple[tuple[str, str], ...], region: str) -> None:
    """Have cfn-lint look at templates; once for each content, since it takes seconds."""
    faults = []
    for name, text in texts:
        matches = lint(text, config=ManualArgs(regions=[region]))
        faults += [f"{name}:{match.linenumber}: {match.rule.id} {match.message}" for match in matches]
    if faults:
        raise DeployError("cfn-lint refuses the templates:\n" + "\n".join(faults))


def _put_templates(target: Target, folder: Path) -> bool:
    text = (folder / "templates.yaml").read_text(encoding="utf-8")
    name = f"{target.environment.stack}-templates"
    changed = target.stacks.apply(name, text, {"Environment": target.environment.name})
    s3, bucket, prefix = target.client("s3"), target.template_bucket(), cloudformation.digest(folder)
    there = {entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", ())}
    for path in cloudformation.nested(folder):
        if f"{prefix}/{path.name}" not in there:
            s3.put_object(Bucket=bucket, Key=f"{prefix}/{path.name}", Body=path.read_bytes())
    return changed


def _stack_changes(target: Target, tree: Path) -> list[str]:
    """Compare templates and parameters with those that are deployed, down to each resource."""
    folder, lines = tree / "deploy" / "templates", []
    for name, file in ((f"{target.environment.stack}-templates", "templates"), (target.environment.stack, "root")):
        text = (folder / f"{file}.yaml").read_text(encoding="utf-8")
        stack = target.stacks.find(name)
        lines += [f"{line} of {name}" for line in _differences(stack.template if stack else None, text)]
        if file == "root":
            wanted = target.stacks.with_defaults(text, target.parameters(tree))
            # The versions follow from the upload, which is listed by itself.
            names = set(wanted) - {*release.VERSIONED.values(), "TemplateUrl", "Stage"}
            known = stack.parameters if stack else wanted
            lines += [
                f"~ {key} = {wanted[key]} (is {known.get(key)}) of {name}"
                for key in sorted(names)
                if known.get(key) != wanted[key]
            ]
    deployed = target.stacks.nested(target.environment.stack) if target.stacks.find(target.environment.stack) else {}
    for path in cloudformation.nested(folder):
        title = path.stem.capitalize()
        changes = _differences(deployed.get(title), path.read_text(encoding="utf-8"))
        lines += [f"{line} of {target.environment.stack}, {title}" for line in changes]
    return lines


def _differences(old: str | None, new: str) -> list[str]:
    return cloudformation.differences(cloudformation.parse(old) if old else None, cloudformation.parse(new))


def _prepare_warehouse(target: Target, outputs: Mapping[str, str], items: Sequence[release.Item]) -> list[health.Check]:
    """Limit what Redshift may cost, and make its users and schemas with what each may do."""
    checks = [health.workgroup(target.client("redshift-serverless"), outputs["Workgroup"], target.emulated)]
    if checks[0].state != health.OK:
        text = "the bootstrap SQL was not sent, since Redshift is not there"
        return [*checks, health.Check("roles", health.UNKNOWN, text)]
    _limit_usage(target, outputs)
    administrator = open_warehouse(target)
    user = f"IAMR:{outputs['ExecutionRoleName']}"
    warehouse.bootstrap(administrator, user=user, database=outputs["RedshiftDatabase"])
    granted = release.granted(items, warehouse.ANALYSTS)
    revoked = warehouse.revoke_what_is_not_granted(administrator, granted=granted)
    text = "etl and analyst are there"
    return [*checks, health.Check("roles", health.OK, f"{text}; revoked {', '.join(revoked)}" if revoked else text)]


def _prepare_airflow(target: Target, outputs: Mapping[str, str]) -> list[health.Check]:
    """Make the pool that the DAG's tasks wait for."""
    client, name = target.client("mwaa"), outputs["AirflowEnvironment"]
    check = health.environment(client, name, target.emulated)
    return [check, health.pool(client, name)] if check.state == health.OK else [check]


def _check_dag(target: Target, outputs: Mapping[str, str], checks: Sequence[health.Check]) -> health.Check:
    if any(check.name == "Airflow" and check.state == health.OK for check in checks):
        return health.dag(target.client("mwaa"), outputs["AirflowEnvironment"])
    return health.Check("DAG", health.UNKNOWN, "Airflow is not there to be asked")


def _check_alerts(target: Target) -> health.Check:
    topic = f"arn:{target.partition}:sns:{target.region}:{target.account}:{target.environment.stack}-alerts"
    return health.alerts(target.client("sns"), topic)


def _without_alerts(target: Target) -> list[str]:
    """Say that nobody hears of a failure, where the environment names nobody."""
    environment = target.environment
    if environment.parameters.get("AlertEmail"):
        return []
    lines = [
        f"NOBODY HEARS OF A FAILURE: {environment.name}.yaml has no AlertEmail, so no alarm and no message of a run "
        "reaches anybody.",
        f"Give it one, or read 'Who hears of it' in docs/production.md and write 'waive: [AlertEmail]' into "
        f"{environment.name}.yaml.",
    ]
    return lines[:1] if "AlertEmail" in environment.waived else lines


def _limit_usage(target: Target, outputs: Mapping[str, str]) -> None:
    """Set how many RPU-hours a day may cost: CloudFormation has no resource for it."""
    client, hours = target.client("redshift-serverless"), int(outputs["RpuHoursPerDay"])
    arn = outputs["WorkgroupArn"]
    limits = client.list_usage_limits(resourceArn=arn, usageType="serverless-compute").get("usageLimits", [])
    daily = [limit for limit in limits if limit["period"] == "daily" and limit["breachAction"] == "deactivate"]
    if not daily:
        client.create_usage_limit(
            resourceArn=arn, usageType="serverless-compute", amount=hours, period="daily", breachAction="deactivate"
        )
    elif daily[0]["amount"] != hours:
        client.update_usage_limit(usageLimitId=daily[0]["usageLimitId"], amount=hours, breachAction="deactivate")


def _addresses(target: Target, outputs: Mapping[str, str]) -> list[str]:
    console = f"https://{target.region}.console.aws.amazon.com"
    return [
        f"raw files    s3://{outputs['RawBucket']}/{outputs['RawPrefix']}",
        f"dbt docs     s3://{outputs['ArtifactBucket']}/docs/index.html",
        f"KPI page     s3://{outputs['ArtifactBucket']}/kpis/index.html",
        f"Redshift     {outputs['RedshiftHost']}:5439, database {outputs['RedshiftDatabase']}",
        f"Airflow      {console}/mwaa/home?region={target.region}#environments/{outputs['AirflowEnvironment']}",
    ]
