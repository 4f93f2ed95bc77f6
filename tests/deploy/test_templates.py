"""The templates: what cfn-lint says, who may do what, and that the sizes have defaults."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from deploy import cloudformation, environment, release

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "templates"
TEMPLATES = {path.stem: cloudformation.parse(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
STATEMENTS = [
    pytest.param(template, resource, statement, id=f"{template}-{name}-{statement.get('Sid')}")
    for template, content in TEMPLATES.items()
    for name, resource, statement in cloudformation.statements(content)
]
# Actions for which the service reference knows no resource; elsewhere a '*' is a choice, and ours would be a mistake.
WITHOUT_RESOURCE = {"s3:GetAccountPublicAccessBlock", "logs:DescribeLogGroups", "cloudwatch:PutMetricData"}


def listed(value):
    return value if isinstance(value, list) else [value]


def text(value):
    """The text of a value, also inside Fn::Sub."""
    return value if isinstance(value, str) else str(next(iter(value.values())))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_cfn_lint_is_content(path):
    assert [
        str(match) for match in lint(path.read_text(), config=ManualArgs(regions=["us-east-1", "eu-central-1"]))
    ] == []


def test_every_policy_is_walked():
    names = {(template, name) for template in TEMPLATES for name, *_ in cloudformation.statements(TEMPLATES[template])}
    assert names == {
        ("airflow", "ExecutionRole"),
        ("storage", "ArtifactBucketPolicy"),
        ("storage", "Key"),
        ("storage", "RawBucketPolicy"),
        ("templates", "TemplateBucketPolicy"),
        ("warehouse", "CopyRole"),
    }


@pytest.mark.parametrize(("template", "resource", "statement"), STATEMENTS)
def test_a_statement_names_what_it_allows(template, resource, statement):
    assert statement["Sid"], "a statement without a name can't be argued about"
    assert "NotAction" not in statement and "NotPrincipal" not in statement
    if statement["Effect"] == "Deny":
        return  # the wider, the safer
    reason = resource.get("Metadata", {}).get("IamExceptions", {}).get(statement["Sid"], "")
    actions = listed(statement["Action"])
    wild = [action for action in actions if "*" in action or "?" in action]
    # Of an ARN the last part may have a '*' (objects of a prefix, log groups of an environment); nothing before it may.
    for arn in map(text, listed(statement.get("Resource", []))):
        start, _, last = re.sub(r"\$\{[^}]*\}", "X", arn).rpartition(":")
        if arn == "*" or "*" in start or not re.fullmatch(r"[^*]+[/-]?\*?", last):
            wild.append(arn)
    if "NotResource" in statement:
        wild.append("NotResource")
    if listed(statement.get("Principal", {}).get("AWS", []))[:1] == ["*"] or statement.get("Principal") == "*":
        pytest.fail("nobody is meant by everybody")
    assert not wild or len(reason) > 40, f"{wild} needs a reason in Metadata.IamExceptions.{statement['Sid']}"
    assert not (reason and not wild), "a reason for nothing"


@pytest.mark.parametrize("role", [("airflow", "ExecutionRole"), ("warehouse", "CopyRole")], ids=lambda role: role[1])
def test_a_role_has_a_star_for_a_resource_only_where_the_service_knows_none(role):
    template, name = role
    for _, resource, statement in cloudformation.statements(TEMPLATES[template]):
        if resource is TEMPLATES[template]["Resources"][name] and "*" in map(
            text, listed(statement.get("Resource", []))
        ):
            assert set(listed(statement["Action"])) <= WITHOUT_RESOURCE


def test_exceptions_are_of_statements_that_exist():
    for content in TEMPLATES.values():
        for name, resource in content["Resources"].items():
            named = set(resource.get("Metadata", {}).get("IamExceptions", {}))
            assert named <= {
                statement["Sid"] for owner, _, statement in cloudformation.statements(content) if owner == name
            }


def test_copy_reads_the_raw_prefix_and_the_manifests_and_nothing_else():
    allowed = {
        text(arn)
        for name, _, statement in cloudformation.statements(TEMPLATES["warehouse"])
        if name == "CopyRole" and "s3:GetObject" in listed(statement["Action"])
        for arn in listed(statement["Resource"])
    }
    assert allowed == {
        "arn:${AWS::Partition}:s3:::${RawBucket}/${RawPrefix}/*",
        "arn:${AWS::Partition}:s3:::${ArtifactBucket}/manifests/*",
    }


@pytest.mark.parametrize(
    ("action", "place", "allowed"),
    [
        ("s3:PutObject", "ArtifactBucket/manifests/streams/1.json", True),
        ("s3:PutObject", "ArtifactBucket/manifests/alerts/a-run.0", True),
        ("s3:PutObject", "ArtifactBucket/docs/index.html", True),
        ("s3:PutObject", "ArtifactBucket/kpis/index.html", True),
        ("s3:PutObject", "ArtifactBucket/dags/streaming_kpis.py", False),
        ("s3:PutObject", "ArtifactBucket/startup.sh", False),
        ("s3:PutObject", "RawBucket/RawPrefix/streams1.csv", False),
        ("s3:GetObject", "RawBucket/RawPrefix/streams1.csv", True),
        ("s3:GetObject", "RawBucket/elsewhere/streams1.csv", False),
        ("s3:GetObject", "ArtifactBucket/dags/streaming_kpis.py", True),
        ("s3:DeleteObject", "ArtifactBucket/docs/index.html", False),
        ("s3:DeleteObject", "RawBucket/RawPrefix/streams1.csv", False),
    ],
)
def test_a_task_reads_and_writes_what_the_dag_does_and_no_more(action, place, allowed):
    arns = [
        re.sub(r"\$\{(?:AWS::)?(\w+)\}", r"\1", text(arn))
        for name, _, statement in cloudformation.statements(TEMPLATES["airflow"])
        if name == "ExecutionRole" and any(fnmatchcase(action, pattern) for pattern in listed(statement["Action"]))
        for arn in listed(statement.get("Resource", []))
    ]
    assert any(fnmatchcase(f"arn:Partition:s3:::{place}", arn) for arn in arns) is allowed


# The actions of AWS's own samples, word by word: the MWAA user guide's pages 'Amazon MWAA execution role' and 'Using
# customer managed keys for encryption', and the CloudWatch user guide on topics that are encrypted.
SAMPLES = {
    ("airflow", "Health"): {"airflow:PublishMetrics"},
    ("airflow", "ReadsItsBucket"): {"s3:GetObject*", "s3:GetBucket*", "s3:List*"},
    ("airflow", "FindsItsBuckets"): {"s3:GetAccountPublicAccessBlock"},
    ("airflow", "Logs"): {
        "logs:CreateLogStream",
        "logs:CreateLogGroup",
        "logs:PutLogEvents",
        "logs:GetLogEvents",
        "logs:GetLogRecord",
        "logs:GetLogGroupFields",
        "logs:GetQueryResults",
    },
    ("airflow", "LogGroups"): {"logs:DescribeLogGroups"},
    ("airflow", "Metrics"): {"cloudwatch:PutMetricData"},
    ("airflow", "Queues"): {
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    },
    ("airflow", "Key"): {"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:Encrypt"},
    ("airflow", "QueueKey"): {"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:Encrypt"},
    ("storage", "Logs"): {"kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"},
    ("storage", "Alarms"): {"kms:Decrypt", "kms:GenerateDataKey*"},
}


@pytest.mark.parametrize(("template", "sid"), SAMPLES, ids="-".join)
def test_a_statement_has_each_action_of_the_sample_of_aws(template, sid):
    (statement,) = [found for *_, found in cloudformation.statements(TEMPLATES[template]) if found["Sid"] == sid]
    assert set(listed(statement["Action"])) >= SAMPLES[template, sid]


def test_the_network_takes_zones_by_id():
    subnets = [
        resource["Properties"]
        for resource in TEMPLATES["network"]["Resources"].values()
        if resource["Type"] == "AWS::EC2::Subnet"
    ]
    assert [subnet["AvailabilityZoneId"] for subnet in subnets] == [
        {"Fn::Select": [number, {"Ref": "ZoneIds"}]} for number in range(3)
    ]
    assert not any("AvailabilityZone" in subnet for subnet in subnets), "a position means another zone in each account"


def test_a_network_without_a_way_out_has_the_endpoints_that_airflow_and_the_dag_need():
    endpoints = [
        resource["Properties"]
        for resource in TEMPLATES["network"]["Resources"].values()
        if resource["Type"] == "AWS::EC2::VPCEndpoint"
    ]
    services = {text(entry["ServiceName"]).removeprefix("com.amazonaws.${AWS::Region}.") for entry in endpoints}
    airflow = {"sqs", "logs", "monitoring", "kms", "airflow.api", "airflow.env", "ecr.api", "ecr.dkr", "s3"}
    assert services == airflow | {"redshift-serverless", "secretsmanager", "sns", "sts"}
    assert all(entry["PrivateDnsEnabled"] for entry in endpoints if entry["VpcEndpointType"] == "Interface")


def test_buckets_are_versioned_encrypted_closed_and_for_tls_only():
    for content in (TEMPLATES["storage"], TEMPLATES["templates"]):
        resources = content["Resources"]
        for name, bucket in resources.items():
            if bucket["Type"] != "AWS::S3::Bucket":
                continue
            properties = bucket["Properties"]
            assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
            assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
            assert properties["BucketEncryption"] and properties["LifecycleConfiguration"]["Rules"]
            assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
            (statement,) = resources[f"{name}Policy"]["Properties"]["PolicyDocument"]["Statement"]
            assert statement["Effect"] == "Deny" and statement["Condition"] == {
                "Bool": {"aws:SecureTransport": "false"}
            }
            assert {"Fn::GetAtt": [name, "Arn"]} in statement["Resource"]
    for name in ("RawBucket", "ArtifactBucket"):
        (rule,) = TEMPLATES["storage"]["Resources"][name]["Properties"]["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_warehouse_and_airflow_are_private():
    workgroup = TEMPLATES["warehouse"]["Resources"]["Workgroup"]["Properties"]
    assert workgroup["PubliclyAccessible"] is False and workgroup["EnhancedVpcRouting"] is True
    assert TEMPLATES["airflow"]["Resources"]["Airflow"]["Properties"]["WebserverAccessMode"] == "PRIVATE_ONLY"
    types = {resource["Type"] for resource in TEMPLATES["network"]["Resources"].values()}
    assert not types & {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"}


def test_airflow_is_the_one_that_the_requirements_pin():
    pinned = re.search(r"^apache-airflow==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)[1]
    assert pinned == TEMPLATES["airflow"]["Resources"]["Airflow"]["Properties"]["AirflowVersion"]


def test_no_secret_holds_a_password():
    for content in TEMPLATES.values():
        for resource in content["Resources"].values():
            if resource["Type"] == "AWS::SecretsManager::Secret":
                assert "password" not in str(resource["Properties"]["SecretString"]).lower()
            assert "AdminUserPassword" not in resource["Properties"]


def test_each_parameter_of_the_root_has_a_default_or_is_filled():
    parameters = TEMPLATES["root"]["Parameters"]
    filled = environment.OWN_PARAMETERS | {"ZoneIds"}
    assert {name for name, entry in parameters.items() if "Default" not in entry} <= filled
    assert set(parameters) >= environment.OWN_PARAMETERS
    assert set(release.VERSIONED.values()) <= environment.OWN_PARAMETERS


@pytest.mark.parametrize("path", sorted((ROOT / "deploy/environments").glob("*.yaml")), ids=lambda path: path.stem)
def test_environments_set_parameters_that_exist(path):
    read = environment.load(path.parent, path.stem)
    assert set(read.parameters) <= set(TEMPLATES["root"]["Parameters"])


def test_the_root_hands_each_stack_exactly_its_parameters():
    for name, resource in TEMPLATES["root"]["Resources"].items():
        assert set(resource["Properties"]["Parameters"]) == set(TEMPLATES[name.lower()].get("Parameters", {}))


def test_alarms_cover_failure_silence_spend_and_load_errors():
    alarms = {
        name: resource["Properties"]
        for name, resource in TEMPLATES["alarms"]["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert set(alarms) == {"RunFailed", "NoRunSucceeded", "RpuSpend", "LoadErrors"}
    assert all(alarm["AlarmActions"] == [{"Ref": "Alerts"}] for alarm in alarms.values())
    silence = alarms["NoRunSucceeded"]
    assert silence["Period"] * silence["EvaluationPeriods"] == 26 * 3600
    assert silence["TreatMissingData"] == "breaching", "a scheduler that is down sends no metric"


def test_airflow_does_not_show_the_dbt_docs_to_whoever_reaches_it() -> None:
    """Cosmos's page answers without a log-in on Airflow 3."""
    template = (FOLDER / "airflow.yaml").read_text()
    assert "AirflowConfigurationOptions:" in template
    assert "dbt_docs" not in template
