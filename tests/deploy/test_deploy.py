"""The deploy command, end to end, against an account that moto plays."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy import build, commands, environment, health
from deploy.__main__ import main
from deploy.errors import DeployError

MADE = {}
BUCKET = "kpi-test-artifacts-123456789012-us-east-1"


@pytest.fixture(autouse=True)
def parsed_once(monkeypatch):
    """Parsing the dbt project takes seconds: once for each content of it."""
    made = build.DbtArtifacts.__dict__["_made"].func

    def remembered(artifacts):
        files = sorted(path for path in artifacts._project.rglob("*") if path.is_file())
        key = (tuple(path.read_bytes() for path in files), *artifacts._environment.items())
        if key not in MADE:
            MADE[key] = made(artifacts)
        return MADE[key]

    monkeypatch.setattr(build.DbtArtifacts, "_made", property(remembered))


@pytest.fixture
def console(account, repository, tmp_path):
    """Deploys from the repository and keeps what was said."""
    environments = tmp_path / "environments"
    environments.mkdir()
    (environments / "test.yaml").write_text("parameters:\n  BaseCapacity: 8\n  Schedule: '@hourly'\n")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "a_package-1.0-py3-none-any.whl").write_bytes(b"a wheel")

    def run(command, version=None):
        lines = []
        target = commands.Target(environment.load(environments, "test"), lines.append)
        if command == "plan":
            commands.plan(target, repository.path, version)
            return SimpleNamespace(lines=lines, changes=[line for line in lines if line[:2] in ("+ ", "~ ", "- ")])
        checks = commands.deploy(target, repository.path, version, wheels)
        changes = [line for line in lines if line[:2] in ("+ ", "~ ", "- ")]
        return SimpleNamespace(lines=lines, changes=changes, checks={check.name: check for check in checks})

    return run


@pytest.fixture
def objects(account):
    """What the artifact bucket holds: a function, key -> content."""
    s3 = account.client("s3")

    def read():
        listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {entry["Key"]: s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read() for entry in listed}

    return read


def test_first_deployment_then_nothing_then_a_change_then_back(console, objects, repository, account):
    repository.git("tag", "v1")
    planned = console("plan")
    assert account.client("s3").list_buckets()["Buckets"] == []
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []
    assert "+ Workgroup (AWS::RedshiftServerless::Workgroup) of kpi-test, Warehouse" in planned.changes

    first = console("deploy")
    uploaded = objects()
    assert set(first.changes) == {line for line in planned.changes if " of kpi-test" not in line}
    assert uploaded["dags/streaming_kpis.py"] == (repository.path / "dags/streaming_kpis.py").read_bytes()
    assert (
        uploaded["dags/dbt_project/dbt_project.yml"] == (repository.path / "dbt_project/dbt_project.yml").read_bytes()
    )
    assert uploaded["dags/.airflowignore"].splitlines()[-2:] == [b"dbt_project/", b"kpi_pipeline/"]
    assert uploaded["requirements.txt"].startswith(b'--constraint "/usr/local/airflow/dags/constraints.txt"\n')
    manifest = json.loads(uploaded["dags/dbt_project/target/manifest.json"])
    assert "model.streaming_kpis.fct_listens" in manifest["nodes"]
    assert first.changes.index("+ dags/dbt_project/target/manifest.json") < first.changes.index(
        "+ dags/streaming_kpis.py"
    )
    assert b"listening_kpis_daily" in uploaded["docs/release.html"]

    again = console("deploy")
    assert again.changes == [] and "nothing has changed" in again.lines
    assert console("plan").lines[-1] == "nothing would change"
    assert objects() == uploaded

    (repository.path / "dags/kpi_pipeline/another.py").write_text('"""Another module."""\n')
    repository.append("deploy/startup.sh", "# another version\n")
    repository.commit()
    expected = ["+ dags/kpi_pipeline/another.py", "~ startup.sh"]
    assert sorted(console("plan").changes) == expected
    second = console("deploy")
    assert sorted(second.changes) == expected
    assert "updating the stack kpi-test" in second.lines, "MWAA takes a start-up script by its version"

    back = console("deploy", "v1")
    assert sorted(back.changes) == ["- dags/kpi_pipeline/another.py", "~ startup.sh"]
    after, record = objects(), "deployments/current.json"
    assert {key: value for key, value in after.items() if key != record} == {
        key: value for key, value in uploaded.items() if key != record
    }
    assert json.loads(after[record])["commit"] == repository.git("rev-parse", "v1")
    assert console("deploy", "v1").changes == []


def test_what_nobody_could_be_asked_about_is_not_called_healthy(console, account):
    checks = console("deploy").checks
    assert {name: check.state for name, check in checks.items()} == {
        "Redshift": health.UNKNOWN,
        "roles": health.UNKNOWN,
        "Airflow": health.UNKNOWN,
        "DAG": health.UNKNOWN,
        "alerts": health.UNKNOWN,
    }


class Recorder:
    """A service that moto has not: notes what it is asked, and answers that all is well."""

    def __init__(self, told, answers):
        self._told, self._answers = told, answers

    def __getattr__(self, method):
        def call(**arguments):
            self._told.append(" ".join([method, *(str(value) for value in arguments.values())]))
            return self._answers[method]

        return call


ANSWERS = {
    "get_workgroup": {"workgroup": {"status": "AVAILABLE"}},
    "get_namespace": {"namespace": {"adminPasswordSecretArn": "arn:secret"}},
    "list_usage_limits": {"usageLimits": []},
    "create_usage_limit": {},
    "execute_statement": {"Id": "1"},
    "describe_statement": {"Status": "FINISHED"},
    "get_environment": {"Environment": {"Status": "AVAILABLE"}},
    "invoke_rest_api": {"RestApiResponse": {"import_errors": [], "slots": 2, "is_paused": False}},
}


def test_what_a_dag_needs_is_there_before_it(console, monkeypatch):
    told = []
    client, put, apply = commands.Target.client, commands.Bucket._put, commands.Stacks.apply
    lacking = {"redshift-serverless", "redshift-data", "mwaa"}
    monkeypatch.setattr(
        commands.Target,
        "client",
        lambda target, service: Recorder(told, ANSWERS) if service in lacking else client(target, service),
    )
    monkeypatch.setattr(commands.Bucket, "_put", lambda bucket, item: told.append(item.key) or put(bucket, item))
    monkeypatch.setattr(
        commands.Stacks,
        "apply",
        lambda stacks, name, template, parameters: (
            told.append(f"stack {name} {parameters.get('Stage', 'complete')}")
            or apply(stacks, name, template, parameters)
        ),
    )
    console("deploy")

    def first(words):
        return next(position for position, line in enumerate(told) if words in line)

    order = [
        "stack kpi-test base",
        'create user "IAMR:kpi-test-airflow-us-east-1"',
        "grant usage on schema",
        "plugins.zip",
        "stack kpi-test complete",
        "invoke_rest_api kpi-test PATCH /pools/transform",
        "dags/dbt_project/target/manifest.json",
        "dags/streaming_kpis.py",
        "invoke_rest_api kpi-test GET /dags/streaming_kpis",
    ]
    assert sorted(order, key=first) == order


def test_nobody_to_hear_of_a_failure_is_said_by_plan_and_deploy(console, tmp_path):
    loud = "NOBODY HEARS OF A FAILURE: test.yaml has no AlertEmail"
    for command in ("plan", "deploy"):
        assert any(line.startswith(loud) for line in console(command).lines)
    (tmp_path / "environments" / "test.yaml").write_text("parameters: {AlertEmail: somebody@example.com}")
    assert not any(line.startswith(loud) for line in console("plan").lines)


@pytest.mark.parametrize("name", ["prod", "prod-eu"])
def test_production_is_not_deployed_without_somebody_who_hears_of_a_failure(
    account, repository, tmp_path, name, capsys
):
    arguments = [name, "--environments", str(tmp_path), "--repository", str(repository.path)]
    (tmp_path / f"{name}.yaml").write_text("parameters: {BaseCapacity: 8}")
    assert main(["plan", *arguments]) == 0
    assert "NOBODY HEARS" in capsys.readouterr().out
    assert main(["deploy", *arguments]) == 1
    assert f"write 'waive: [AlertEmail]' into {name}.yaml" in capsys.readouterr().err
    assert account.client("cloudformation").describe_stacks()["Stacks"] == []

    (tmp_path / f"{name}.yaml").write_text("waive: [AlertEmail]")
    target = commands.Target(environment.load(tmp_path, name), print)
    assert [line[:12] for line in commands._without_alerts(target)] == ["NOBODY HEARS"]
    assert "AlertEmail" in target.environment.waived


def test_the_zones_are_chosen_once_and_stay(console, account, monkeypatch, tmp_path):
    console("deploy")
    stack = account.client("cloudformation").describe_stacks(StackName="kpi-test")["Stacks"][0]
    parameters = {entry["ParameterKey"]: entry["ParameterValue"] for entry in stack["Parameters"]}
    assert parameters["ZoneIds"] == "use1-az1,use1-az2,use1-az4"
    # AWS opens a zone: the subnets can't move into it.
    monkeypatch.setattr(commands.zones, "choose", lambda client, region: ["use1-az0", "use1-az1", "use1-az2"])
    assert console("deploy").changes == [] and console("plan").lines[-1] == "nothing would change"
    (tmp_path / "environments" / "test.yaml").write_text("parameters: {ZoneIds: 'use1-az4,use1-az5,use1-az6'}")
    changed = "~ ZoneIds = use1-az4,use1-az5,use1-az6 (is use1-az1,use1-az2,use1-az4) of kpi-test"
    assert changed in console("plan").changes


def test_a_file_that_somebody_else_changed_is_put_again(console, account, objects):
    console("deploy")
    account.client("s3").put_object(Bucket=BUCKET, Key="dags/streaming_kpis.py", Body=b"broken")
    account.client("s3").put_object(Bucket=BUCKET, Key="dags/left_over.py", Body=b"left over")
    assert sorted(console("deploy").changes) == ["- dags/left_over.py", "~ dags/streaming_kpis.py"]
    assert b"DAG(" in objects()["dags/streaming_kpis.py"]


def test_a_changed_template_is_planned_by_resource_and_updates_the_stack(console, repository, account):
    console("deploy")
    name = repository.path / "deploy/templates/alarms.yaml"
    name.write_text(name.read_text().replace("EvaluationPeriods: 26", "EvaluationPeriods: 30"))
    repository.commit()
    assert console("plan").changes == ["~ NoRunSucceeded (AWS::CloudWatch::Alarm) of kpi-test, Alarms"]
    assert "updating the stack kpi-test" in console("deploy").lines
    assert console("plan").changes == []
    nested = commands.Stacks(account.client("cloudformation"), print).nested("kpi-test")
    assert "EvaluationPeriods: 30" in nested["Alarms"]


def test_a_deployment_that_broke_off_goes_on(console, monkeypatch, repository):
    put = commands.Bucket._put

    def broken(bucket, item):
        if item.key == "dags/streaming_kpis.py":
            raise DeployError("the network is gone")
        return put(bucket, item)

    monkeypatch.setattr(commands.Bucket, "_put", broken)
    with pytest.raises(DeployError, match="the network is gone"):
        console("deploy")
    monkeypatch.setattr(commands.Bucket, "_put", put)
    rest = {f"+ dags/{path.name}" for path in (repository.path / "dags").glob("*.py")}
    assert set(console("deploy").changes) == rest, "the DAG files come last"


def test_the_region_comes_from_the_file_or_the_environment(account, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    (tmp_path / "here.yaml").write_text("region: eu-west-1\n")
    (tmp_path / "there.yaml").write_text("parameters: {}\n")
    with pytest.raises(DeployError, match="No AWS region is set"):
        commands.Target(environment.load(tmp_path, "there"), print)
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    regions = [commands.Target(environment.load(tmp_path, name), print).region for name in ("here", "there")]
    assert regions == ["eu-west-1", "us-west-2"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["deploy", ""], "ENV is '': give it a short name in lower case, say ENV=dev."),
        (["deploy", "Prod"], "ENV is 'Prod'"),
        (
            ["plan", "nowhere"],
            "There is no nowhere.yaml in environments/ (there is: dev, prod): copy one and change it.",
        ),
        (["deploy", "dev", "--version", "v9"], "git knows no version 'v9': give VERSION a tag, a branch or a commit."),
    ],
)
def test_mistakes_are_one_sentence(account, repository, capsys, arguments, sentence):
    assert main([*arguments, "--repository", str(repository.path)]) == 1
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1


def test_what_is_not_committed_is_not_deployed(account, repository, capsys):
    repository.append("dags/streaming_kpis.py", "# not committed\n")
    assert main(["deploy", "dev", "--repository", str(repository.path)]) == 1
    assert "changes that no commit has (dags/streaming_kpis.py)" in capsys.readouterr().err


def test_another_account_is_refused(account, tmp_path):
    (tmp_path / "prod.yaml").write_text('account: "000000000001"\n')
    with pytest.raises(DeployError, match="of the account 123456789012, and prod belongs into 000000000001"):
        commands.Target(environment.load(tmp_path, "prod"), print)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("parameters: {Stage: base}", "sets Stage, which the deploy command fills itself"),
        ("parameter: {}", "may have account, parameters, region, waive and nothing else"),
        ("parameters: [1]", "are no list of names and values"),
        ("waive: [BaseCapacity]", "dev.yaml can waive AlertEmail and nothing else, as a list"),
        ("waive: AlertEmail", "dev.yaml can waive AlertEmail and nothing else, as a list"),
        ("a: [", "is no YAML"),
    ],
)
def test_an_environment_file_explains_itself(tmp_path: Path, text, sentence):
    (tmp_path / "dev.yaml").write_text(text)
    with pytest.raises(DeployError, match=sentence):
        environment.load(tmp_path, "dev")


def test_a_parameter_that_no_template_has_is_refused(console, account, tmp_path):
    (tmp_path / "environments" / "test.yaml").write_text("parameters: {BaseCapasity: 8}")
    with pytest.raises(DeployError, match="no parameter BaseCapasity"):
        console("plan")
