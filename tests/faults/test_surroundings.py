"""What breaks around the pipeline: what passes is tried again and leaves no trace, what lasts ends in one sentence."""

from __future__ import annotations

import threading

import pytest

from tests.faults.airflow_tasks import Tasks
from tests.faults.in_process import Pipeline, environment
from tests.faults.redshift_proxy import At, RedshiftProxy, text
from tests.faults.s3_proxy import CUT, SILENT, TRUNCATED, S3Proxy

pytestmark = pytest.mark.usefixtures("views_without_etags")

HEADER = "user_id,track_id,listen_time\n"
ROWS = "".join(f"u{n},t1,2024-06-25 10:00:00\n" for n in range(50))
S3_REQUESTS = {
    "list": ("GET", "list-type=2"),
    "header": ("GET", "streams1.csv"),
    "manifest": ("PUT", "manifests"),
    "ETag": ("HEAD", "streams1.csv"),
}


@pytest.fixture
def tasks(landing: Pipeline, faulty: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Tasks:
    found = Tasks(faulty)
    with environment(found.environment()):
        from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
    # The hook waits 1, 2, 4 and 8 seconds between its tries.
    monkeypatch.setattr(RedshiftSQLHook.get_conn.retry, "sleep", lambda seconds: None)
    landing.put("streams1.csv", HEADER + ROWS)
    return found


def failure(tasks: Tasks, **variables: str) -> tuple[str, str]:
    """The exception's kind, which tells Airflow whether to try again, and its text."""
    with pytest.raises(Exception) as raised:
        tasks.land(**variables)
    sentence = str(raised.value)
    assert "\n" not in sentence and "Traceback" not in sentence and sentence.endswith("."), sentence
    assert sentence.count(". ") <= 1, sentence
    return type(raised.value).__name__, sentence


def assert_no_trace_and_lands(landing: Pipeline, tasks: Tasks) -> None:
    assert landing.query("select count(*) from landing.loaded_files") == [(0,)]
    assert landing.query("select count(*) from landing.streams") == [(0,)]
    assert landing.query("select count(*) from landing.refused_lines") == [(0,)]
    tasks.land()
    assert landing.query("select count(*), count(distinct user_id) from landing.streams") == [(50, 50)]
    assert landing.query("select landed_count from landing.loaded_files") == [(50,)]


@pytest.mark.parametrize(
    ("request_name", "status", "code"),
    [
        *((name, 503, "SlowDown") for name in S3_REQUESTS),
        ("list", 500, "InternalError"),
        ("manifest", CUT, ""),
        ("ETag", CUT, ""),
        ("list", TRUNCATED, ""),
        ("header", TRUNCATED, ""),
        ("header", SILENT, ""),
    ],
)
def test_s3_breaks_once(
    landing: Pipeline, tasks: Tasks, s3_proxy: S3Proxy, request_name: str, status: int, code: str
) -> None:
    """boto3 tries again by itself; a truncated body ends the try, and Airflow tries again."""
    answer = s3_proxy.answer(*S3_REQUESTS[request_name], status, code)
    try:
        tasks.land()
    except Exception as error:
        assert type(error).__name__ == "AirflowException", error
        assert_no_trace_and_lands(landing, tasks)
    assert answer.injected == 1
    assert landing.query("select count(*), count(distinct user_id) from landing.streams") == [(50, 50)]


@pytest.mark.parametrize("request_name", S3_REQUESTS)
def test_s3_stays_broken(landing: Pipeline, tasks: Tasks, s3_proxy: S3Proxy, request_name: str) -> None:
    s3_proxy.answer(*S3_REQUESTS[request_name], 503, "SlowDown", times=-1)
    kind, sentence = failure(tasks)
    assert kind == "AirflowException"
    assert "S3 answered" in sentence and "s3://kpi-" in sentence and "look at the status of S3" in sentence
    s3_proxy.calm()
    assert_no_trace_and_lands(landing, tasks)


@pytest.mark.parametrize(
    ("code", "status", "remedy"),
    [
        ("AccessDenied", 403, "give the role of the workers the right"),
        ("NoSuchBucket", 404, "check KPI_RAW_BUCKET and KPI_ARTIFACT_BUCKET"),
        ("InvalidAccessKeyId", 403, "check the connection of KPI_AWS_CONN_ID"),
        ("AuthorizationHeaderMalformed", 400, "is in another region"),
    ],
)
def test_s3_refuses_for_good(
    landing: Pipeline, tasks: Tasks, s3_proxy: S3Proxy, code: str, status: int, remedy: str
) -> None:
    s3_proxy.answer("GET", "list-type=2", status, code, times=-1)
    kind, sentence = failure(tasks)
    assert kind == "AirflowFailException", "trying again would not help"
    assert remedy in sentence
    s3_proxy.calm()
    assert_no_trace_and_lands(landing, tasks)


def test_a_bucket_that_is_not_there(tasks: Tasks) -> None:
    kind, sentence = failure(tasks, KPI_RAW_BUCKET="kpi-nowhere")
    assert kind == "AirflowFailException"
    assert sentence.startswith("There is no bucket for s3://kpi-nowhere/")


def test_a_bucket_that_is_not_set(tasks: Tasks) -> None:
    kind, sentence = failure(tasks, KPI_RAW_BUCKET="")
    assert (kind, "KPI_RAW_BUCKET is not set" in sentence) == ("AirflowFailException", True)


PASSING = {
    "1023": "1023: Serializable isolation violation on table - 100123, transactions forming the cycle are: 1, 2",
    "lock": "Query (1234) cancelled on user's request",
    "deadlock": "deadlock detected",
    "maintenance": "terminating connection due to administrator command",
    "S3 slows COPY down": "S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown,Rid X",
    "object gone": "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey,Rid X,CanRetry 1",
}
LASTING = {
    "disk": ("Disk Full", "free space in the warehouse, or enlarge it"),
    "S3 denies COPY": ("S3ServiceException:Access Denied,Status 403,Error AccessDenied", "role of KPI_COPY_IAM_ROLE"),
    "role": ("User arn:aws:redshift::1:dbuser is not authorized to assume IAM Role", "role of KPI_COPY_IAM_ROLE"),
    "rights": ("permission denied for relation streams", "grant the user of the Airflow connection"),
}


@pytest.mark.parametrize(
    ("words", "statement"),
    [
        *((words, r"^copy") for words in PASSING),
        ("1023", r"^lock"),
        ("1023", r"insert into landing\.loaded_files"),
        ("1023", r"^commit"),
    ],
)
def test_redshift_refuses_and_it_passes(
    landing: Pipeline, tasks: Tasks, redshift_proxy: RedshiftProxy, words: str, statement: str
) -> None:
    redshift_proxy.add(text(statement), At.ERROR, PASSING[words])
    kind, sentence = failure(tasks)
    assert kind == "AirflowException"
    assert PASSING[words].rstrip(".") in sentence and "the next try starts anew" in sentence
    assert_no_trace_and_lands(landing, tasks)


@pytest.mark.parametrize("words", LASTING)
def test_redshift_refuses_for_good(landing: Pipeline, tasks: Tasks, redshift_proxy: RedshiftProxy, words: str) -> None:
    message, remedy = LASTING[words]
    redshift_proxy.add(text("^copy"), At.ERROR, message)
    kind, sentence = failure(tasks)
    assert kind == "AirflowFailException"
    assert message in sentence and remedy in sentence
    assert_no_trace_and_lands(landing, tasks)


@pytest.mark.parametrize("at", [At.BEFORE, At.DURING, At.AFTER], ids=lambda at: at.value)
@pytest.mark.parametrize("statement", [r"^copy", r"^commit"])
def test_a_dropped_connection_is_one_sentence(
    landing: Pipeline, tasks: Tasks, redshift_proxy: RedshiftProxy, statement: str, at: At
) -> None:
    redshift_proxy.add(text(statement), at)
    kind, sentence = failure(tasks)
    assert kind == "AirflowException"
    assert sentence.startswith("The connection to Redshift broke")
    try:
        tasks.land()
    except Exception as skip:
        assert type(skip).__name__ == "AirflowSkipException"
    assert landing.query("select count(*), count(distinct user_id) from landing.streams") == [(50, 50)]


def test_redshift_refuses_connections_at_first(landing: Pipeline, tasks: Tasks, redshift_proxy: RedshiftProxy) -> None:
    redshift_proxy.refusing = 1
    assert failure(tasks)[0] == "AirflowException"
    assert_no_trace_and_lands(landing, tasks)


def test_redshift_refuses_connections(landing: Pipeline, tasks: Tasks, redshift_proxy: RedshiftProxy) -> None:
    redshift_proxy.refusing = -1
    kind, sentence = failure(tasks)
    assert kind == "AirflowException"
    assert sentence.startswith("The connection to Redshift broke") and "look at the warehouse's status" in sentence
    redshift_proxy.calm()
    assert_no_trace_and_lands(landing, tasks)


def test_a_paused_workgroup_wakes_up_slowly(landing: Pipeline, tasks: Tasks, redshift_proxy: RedshiftProxy) -> None:
    redshift_proxy.hold_before_answering = lambda: threading.Event().wait(3) and None
    assert_no_trace_and_lands(landing, tasks)


def test_a_wrong_password(landing: Pipeline, faulty: Pipeline, tasks: Tasks) -> None:
    faulty.env["REDSHIFT_PASSWORD"] = "not the password"
    kind, sentence = failure(tasks)
    assert kind == "AirflowFailException"
    assert "check the user and the password of the Airflow connection" in sentence
    assert "not the password" not in sentence


def test_landing_tables_that_are_not_there(landing: Pipeline, tasks: Tasks) -> None:
    kind, sentence = failure(tasks, KPI_LANDING_SCHEMA="elsewhere")
    assert kind == "AirflowFailException"
    assert "run the task prepare" in sentence


@pytest.mark.parametrize(("message", "kind"), [("Disk Full", "AirflowFailException"), ("1023", "AirflowException")])
def test_prepare_ends_in_one_sentence_too(
    landing: Pipeline, tasks: Tasks, redshift_proxy: RedshiftProxy, message: str, kind: str
) -> None:
    redshift_proxy.add(text("create table"), At.ERROR, message)
    with pytest.raises(Exception) as raised:
        tasks.prepare()
    assert (type(raised.value).__name__, str(raised.value).startswith("Redshift says: " + message)) == (kind, True)
    tasks.prepare()
