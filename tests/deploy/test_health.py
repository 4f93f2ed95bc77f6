"""What is said of Redshift, MWAA and the Data API, by the answers that AWS's own models describe."""

from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber

from deploy import commands, health, warehouse
from deploy.errors import DeployError

NAME = "kpi-test"
NOW = "2026-01-01T00:00:00Z"


def client(service):
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture
def stubbed():
    """A client of a service that answers in this order: a response, or an error's code and HTTP status."""
    stubbers = []

    def stub(service, *answers):
        made = client(service)
        stubber = Stubber(made)
        for method, answer, *rest in answers:
            if isinstance(answer, dict):
                stubber.add_response(method, answer, *rest)
            else:
                code, status, *fields = answer
                stubber.add_client_error(method, code, http_status_code=status, modeled_fields=(fields or [None])[0])
        stubber.activate()
        stubbers.append(stubber)
        return made

    yield stub
    for stubber in stubbers:
        stubber.assert_no_pending_responses()


def workgroup(**fields):
    return {"workgroup": {"workgroupName": NAME, "status": "AVAILABLE", "publiclyAccessible": False, **fields}}


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (workgroup(), health.OK, "available"),
        (workgroup(status="MODIFYING"), health.FAILED, "is MODIFYING"),
        (workgroup(publiclyAccessible=True), health.FAILED, "open to the internet"),
        (("ResourceNotFoundException", 404), health.FAILED, "ResourceNotFoundException"),
    ],
)
def test_redshift(stubbed, answer, state, words):
    found = health.workgroup(stubbed("redshift-serverless", ("get_workgroup", answer)), NAME, emulated=False)
    assert found.state == state and words in found.text


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ({"Status": "AVAILABLE", "AirflowVersion": "3.3.1"}, health.OK, "with Airflow 3.3.1"),
        ({"Status": "UPDATING"}, health.FAILED, "is UPDATING"),
        (
            {"Status": "AVAILABLE", "LastUpdate": {"Status": "FAILED", "Error": {"ErrorMessage": "requirements"}}},
            health.FAILED,
            "the last update of kpi-test failed: requirements",
        ),
    ],
)
def test_airflow(stubbed, answer, state, words):
    made = stubbed("mwaa", ("get_environment", {"Environment": answer}))
    found = health.environment(made, NAME, emulated=False)
    assert found.state == state and words in found.text


@pytest.mark.parametrize(
    "check",
    [(health.workgroup, "redshift-serverless", "get_workgroup"), (health.environment, "mwaa", "get_environment")],
)
def test_only_an_endpoint_that_is_not_aws_may_lack_a_service(stubbed, check):
    look, service, method = check
    for emulated, state in ((True, health.UNKNOWN), (False, health.FAILED)):
        made = stubbed(service, (method, ("InternalFailure", 500)))
        assert look(made, NAME, emulated).state == state


def rest(status, **content):
    return {"RestApiStatusCode": status, "RestApiResponse": content}


NOT_THERE = ("RestApiClientException", 400, {"RestApiStatusCode": 404})


def no_wait(seconds):
    raise AssertionError("nobody has to wait here")


def test_a_pool_that_is_not_there_is_made(stubbed):
    body = {"name": "transform", "slots": 4, "description": "dbt's models.", "include_deferred": True}
    made = stubbed(
        "mwaa",
        ("invoke_rest_api", NOT_THERE),
        ("invoke_rest_api", rest(201), {"Name": NAME, "Method": "POST", "Path": "/pools", "Body": body}),
    )
    assert health.Airflow(made, NAME, no_wait).pool() == health.Check("pool transform", health.OK, "made, with 4 slots")


def test_a_pool_that_is_there_stays(stubbed):
    made = stubbed("mwaa", ("invoke_rest_api", rest(200, name="transform", slots=4)))
    assert health.Airflow(made, NAME, no_wait).pool().text == "has 4 slots"


@pytest.mark.parametrize("slots", [1, 8, -1])
def test_a_pool_of_another_size_is_changed(stubbed, slots):
    """The audit takes four slots: in a narrower pool it would wait for ever, and in a wider one not be alone."""
    body = {"pool": "transform", "slots": 4, "description": "dbt's models.", "include_deferred": True}
    made = stubbed(
        "mwaa",
        ("invoke_rest_api", rest(200, name="transform", slots=slots)),
        ("invoke_rest_api", rest(200), {"Name": NAME, "Method": "PATCH", "Path": "/pools/transform", "Body": body}),
    )
    assert health.Airflow(made, NAME, no_wait).pool().text == f"has 4 slots now, instead of {slots}"


def test_an_import_error_is_told(stubbed):
    errors = [{"filename": "dags/streaming_kpis.py", "stack_trace": "Traceback\nModuleNotFoundError: no cosmos\n"}]
    made = stubbed("mwaa", ("invoke_rest_api", rest(200, import_errors=errors)))
    found = health.Airflow(made, NAME, no_wait).dag()
    assert found.state == health.FAILED
    assert found.text == "dags/streaming_kpis.py can't be imported: ModuleNotFoundError: no cosmos"


def test_the_dag_is_waited_for(stubbed):
    waits = []
    none = ("invoke_rest_api", rest(200, import_errors=[]))
    made = stubbed("mwaa", none, ("invoke_rest_api", NOT_THERE), none, ("invoke_rest_api", rest(200, is_paused=False)))
    found = health.Airflow(made, NAME, waits.append).dag()
    assert (found.state, found.text, waits) == (health.OK, "is parsed and scheduled", [health.POLL_SECONDS])


def test_a_paused_dag_is_said_to_be_paused(stubbed):
    made = stubbed(
        "mwaa",
        ("invoke_rest_api", rest(200, import_errors=[])),
        ("invoke_rest_api", rest(200, is_paused=True)),
    )
    assert "paused" in health.Airflow(made, NAME, no_wait).dag().text


def test_an_api_that_can_not_be_reached_is_a_failed_check(stubbed):
    made = stubbed("mwaa", ("invoke_rest_api", ("AccessDeniedException", 403)), ("invoke_rest_api", ("X", 403)))
    checks = [health.pool(made, NAME, no_wait), health.dag(made, NAME, no_wait)]
    assert [check.state for check in checks] == [health.FAILED, health.FAILED]
    assert "does not pass the question on" in checks[0].text


TOPIC = "arn:aws:sns:us-east-1:123456789012:kpi-test-alerts"


@pytest.mark.parametrize(
    ("arns", "state", "words"),
    [
        ([], health.WARNING, "NOBODY HEARS OF A FAILURE: nobody is subscribed"),
        (["PendingConfirmation"], health.WARNING, "nobody has confirmed the subscription by its first mail"),
        (["PendingConfirmation", f"{TOPIC}:1", f"{TOPIC}:2"], health.OK, "2 subscribed"),
    ],
)
def test_who_hears_of_a_failure(stubbed, arns, state, words):
    answer = {"Subscriptions": [{"SubscriptionArn": arn} for arn in arns]}
    found = health.alerts(stubbed("sns", ("list_subscriptions_by_topic", answer, {"TopicArn": TOPIC})), TOPIC)
    assert found.state == state and words in found.text


def test_a_topic_that_can_not_be_asked_about_is_not_called_healthy(stubbed):
    refused = stubbed("sns", ("list_subscriptions_by_topic", ("AuthorizationError", 403)))
    assert health.alerts(refused, TOPIC).state == health.UNKNOWN


def test_an_emulator_that_breaks_the_connection_has_no_such_service():
    def call(**_):
        raise ConnectTimeoutError(endpoint_url="http://x")

    with pytest.raises(health.Unanswered):
        health.ask(call, emulated=True)
    with pytest.raises(ConnectTimeoutError):
        health.ask(call, emulated=False)


WHERE = {
    "WorkgroupName": NAME,
    "Database": "kpi",
    "SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:a",
}
STATEMENT = {"Id": "one"}


def data_api(made, waits=None):
    return warehouse.DataApi(
        made, workgroup=NAME, database="kpi", secret=WHERE["SecretArn"], wait=(waits or []).append, patience=2
    )


def ended(status, **fields):
    return ("describe_statement", {"Id": "one", "Status": status, **fields})


def test_the_data_api_gives_rows_page_by_page(stubbed):
    made = stubbed(
        "redshift-data",
        ("execute_statement", STATEMENT, {"Sql": "select 1", **WHERE}),
        ended("PICKED"),
        ended("FINISHED", HasResultSet=True),
        ("get_statement_result", {"Records": [[{"longValue": 1}, {"isNull": True}]], "NextToken": "more"}),
        ("get_statement_result", {"Records": [[{"stringValue": "x"}, {"booleanValue": False}]]}),
    )
    waits = [0.0]
    assert data_api(made, waits).query("select 1") == [(1, None), ("x", False)]
    assert waits == [0.0, 1.0]


def test_the_data_api_runs_a_transaction_as_a_batch(stubbed):
    made = stubbed(
        "redshift-data",
        ("batch_execute_statement", STATEMENT, {"Sqls": ["lock a", "delete from b"], **WHERE}),
        ended("FINISHED"),
    )
    data_api(made).transaction(["lock a", "delete from b"])


def test_what_redshift_says_is_passed_on(stubbed):
    made = stubbed("redshift-data", ("execute_statement", STATEMENT), ended("FAILED", Error="ERROR: syntax error"))
    with pytest.raises(DeployError, match="Redshift says: ERROR: syntax error"):
        data_api(made).query("selct")


def test_a_statement_that_never_ends_is_given_up(stubbed):
    made = stubbed("redshift-data", ("execute_statement", STATEMENT), *[ended("STARTED")] * 3)
    with pytest.raises(DeployError, match="did not end a statement within 2 seconds"):
        data_api(made).query("select 1")


def test_only_a_statement_that_can_not_be_repeated_may_be_there_already(stubbed):
    """A role that is there is no error; a privilege that is refused is one."""

    class Answers:
        def __init__(self, errors):
            self.errors, self.sent = errors, []

        def query(self, statement):
            self.sent.append(statement)
            for start, error in self.errors.items():
                if statement.startswith(start):
                    raise DeployError(error)
            return []

    there = Answers({"create role": "ERROR: Role already exists", "create user": "ERROR: user already exists"})
    warehouse.bootstrap(there, user="IAMR:x", database="kpi")
    names = dict.fromkeys(("user", "database", "landing", "marts", "pipeline", "analysts"), "")
    assert len(there.sent) == len(warehouse.render("bootstrap", **names))
    for refused in ({"create role": "ERROR: permission denied"}, {"grant usage": "ERROR: schema already locked"}):
        with pytest.raises(DeployError):
            warehouse.bootstrap(Answers(refused), user="IAMR:x", database="kpi")


DAILY = {"usageLimitId": "a", "period": "daily", "breachAction": "deactivate"}
NEW = {"usageType": "serverless-compute", "amount": 24, "period": "daily", "breachAction": "deactivate"}


@pytest.mark.parametrize(
    ("limits", "calls"),
    [
        ([], [("create_usage_limit", {}, {"resourceArn": "arn:w", **NEW})]),
        ([{**DAILY, "amount": 24}], []),
        (
            [{**DAILY, "amount": 8}],
            [("update_usage_limit", {}, {"usageLimitId": "a", "amount": 24, "breachAction": "deactivate"})],
        ),
    ],
    ids=["made", "left", "changed"],
)
def test_the_usage_limit_is_what_the_environment_says(stubbed, limits, calls):
    made = stubbed("redshift-serverless", ("list_usage_limits", {"usageLimits": limits} if limits else {}), *calls)
    target = SimpleNamespace(client=lambda service: made)
    commands._limit_usage(target, {"RpuHoursPerDay": "24", "WorkgroupArn": "arn:w"})
