"""One message for a run that failed, one for a run that succeeded, and none where nobody asked for any."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.stack import Stack
from tests.faults.airflow_tasks import Tasks
from tests.faults.in_process import Pipeline, environment
from tests.faults.inbox import Inbox
from tests.faults.s3_proxy import S3Proxy
from tests.pages.contents import read_page

REPOSITORY = Path(__file__).resolve().parents[2]
FIGURES = {
    "files": 3,
    "rows_landed": 1000,
    "lines_refused": 0,
    "listens": 990,
    "duplicates": 10,
    "rejects": 0,
    "days_rebuilt": 2,
    "seconds": 61.5,
}


@dataclass
class TaskInstance:
    task_id: str
    node: dict[str, Any] = field(default_factory=dict)
    log_url: str = "http://airflow.example/dags/streaming_kpis/runs/r/tasks/t"
    xcom: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> Any:
        return SimpleNamespace(extra_context={"dbt_node_config": self.node} if self.node else {})

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcom[key] = value


def context(task_id: str, exception: Any, run_id: str, clear_number: int = 0, **node: Any) -> dict[str, Any]:
    run = SimpleNamespace(dag_id="streaming_kpis", run_id=run_id, clear_number=clear_number)
    return {"ti": TaskInstance(task_id, node), "dag_run": run, "exception": exception}


@pytest.fixture(scope="module")
def inbox(stack: Stack) -> Inbox:
    stack.reset()
    return Inbox(stack.client_env())


@pytest.fixture
def report(faulty: Pipeline, inbox: Inbox) -> Any:
    """Calls one of the functions of `alerts` in an environment like a worker's."""

    def call(name: str, *arguments: Any, topic: str = inbox.topic) -> None:
        with environment(Tasks(faulty).environment(KPI_ALERT_TOPIC_ARN=topic)):
            from kpi_pipeline import alerts, settings

            given = (settings.load(), *arguments) if name == "report_success" else arguments
            getattr(alerts, name)(*given)

    inbox.read()
    return call


def test_a_run_of_the_dag_in_which_two_tables_fail_sends_one_message(
    stack: Stack, inbox: Inbox, tmp_path: Path
) -> None:
    (tmp_path / "streams.csv").write_text("user_id,track_id\n")
    (tmp_path / "users.csv").write_text("user_id\nu1\n")
    stack.put_raw(tmp_path)
    watched = Stack(stack.state, settings={"KPI_ALERT_TOPIC_ARN": inbox.topic})
    result = watched.run()
    assert result.state == "failed"
    messages = inbox.read()
    assert len(messages) == 1
    subject, text = messages[0]
    assert subject in ("streaming_kpis failed: land.streams", "streaming_kpis failed: land.users")
    assert "of the run manual__" in text
    assert "csv lacks the column 'listen_time' in its header (line 1)" in text or "'user_country'" in text
    log = next(line for line in text.splitlines() if line.startswith("Log: "))
    assert log.startswith("Log: http://") and "land." in log
    assert "docs/runbook.md" in text
    assert "Traceback" not in text


def test_each_failure_of_a_run_after_the_first_is_silent_and_a_cleared_run_is_heard_again(
    report: Any, inbox: Inbox
) -> None:
    report("report_failure", context("land.songs", "one", "run-1"))
    report("report_failure", context("land.users", "two", "run-1"))
    report("report_failure", context("land.users", "three", "run-1", clear_number=1))
    report("report_failure", context("land.users", "four", "run-2"))
    assert [text.split("Reason: ")[1].split("\n")[0] for _, text in inbox.read()] == ["one", "three", "four"]


def test_a_failure_is_sent_although_s3_is_down(report: Any, inbox: Inbox, s3_proxy: S3Proxy) -> None:
    s3_proxy.answer("PUT", "manifests/alerts", 503, "SlowDown", times=-1)
    report("report_failure", context("land.songs", "S3 is down", "run-3"))
    assert len(inbox.read()) == 1


def test_nothing_is_sent_where_no_topic_is_set(report: Any, inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    run = SimpleNamespace(dag_id="streaming_kpis", run_id="run-4")
    report("report_failure", context("land.songs", "quiet", "run-4"), topic="")
    report("report_success", run, FIGURES, [], topic="")
    assert inbox.read() == []
    assert "land.songs failed: quiet" in caplog.text


def test_a_failed_test_names_the_days_of_the_rows_that_it_finds(stack: Stack, report: Any, inbox: Inbox) -> None:
    """A day that an earlier run built, too; rebuilding the named days mends it."""
    stack.reset()
    pipeline = Pipeline.of(stack)
    pipeline.prepare()
    pipeline.put("songs.csv", "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n1,t1,A,O,5,10,pop\n")
    pipeline.put("users.csv", "user_id,user_country\nu1,Peru\n")
    for number, day in enumerate(("2024-06-24", "2024-06-25", "2024-06-26")):
        pipeline.put(f"streams/{number}.csv", f"user_id,track_id,listen_time\nu1,t1,{day} 10:00:00\n")
        pipeline.land_all()
        assert pipeline.models().success
    pipeline.query("update analytics.genre_kpis_daily set listen_share = 0.5 where listen_date = '2024-06-24'")
    rule = "genre_kpis_daily_shares_of_a_day_add_up_to_1"
    words = f"dbt invocation completed with errors: {rule}: Got 1 result, configured to fail if != 0"
    node = {"unique_id": "model.streaming_kpis.genre_kpis_daily", "resource_type": "model", "depends_on": []}
    report("report_failure", context("transform.genre_kpis_daily_model_build", Exception(words), "run-5", **node))
    ((_, told),) = inbox.read()
    assert f"{rule} found listen_date 2024-06-24; total_share 0.5" in told
    assert "in the days 2024-06-24." in told

    pipeline.ask(rebuild_from="2024-06-24", rebuild_to="2024-06-24")
    assert pipeline.build().success
    pipeline.query("insert into landing.pipeline_runs values ('r', sysdate, sysdate, 0, 0, 0, 0, 0, 0, 0, 0)")
    pipeline.query("update analytics.day_builds set built_at = sysdate where listen_date = '2024-06-25'")
    words = words.replace(rule, "genre_kpis_daily_a_genre_stands_once_a_day")
    report("report_failure", context("transform.genre_kpis_daily_model_build", Exception(words), "run-6", **node))
    ((_, told),) = inbox.read()
    assert "in the days 2024-06-25." in told, "what the tests look at, where the rows have no day or are gone"


def test_the_audit_names_genres_that_differ_in_case_or_blanks_only(stack: Stack, report: Any, inbox: Inbox) -> None:
    stack.reset()
    pipeline = Pipeline.of(stack)
    pipeline.prepare()
    genres = ("Rock", "rock", " ROCK ", "hip hop", "hiphop", "Hip  Hop", "pop", "pop ", "p-op", "Élan", "élan", "")
    songs = "".join(f"{number},t{number},A,O,5,10,{genre}\n" for number, genre in enumerate(genres))
    pipeline.put("songs.csv", f"id,track_id,artists,track_name,popularity,duration_ms,track_genre\n{songs}")
    pipeline.put("users.csv", "user_id,user_country\nu1,Peru\n")
    listens = "".join(f"u1,t{number},2024-06-24 10:00:00\n" for number, _ in enumerate(genres))
    pipeline.put("streams.csv", f"user_id,track_id,listen_time\n{listens}")
    pipeline.land_all()
    assert pipeline.models().success
    told = [name for (name,) in pipeline.query("select track_genre from analytics.genre_kpis_daily order by 1")]
    assert {"ROCK", "Rock", "rock"} < set(told), "by the contract they are three"

    rule = "dim_songs_genres_that_differ_in_case_or_blanks_only"
    everyday, found = (
        next(
            result
            for result in pipeline.dbt("test", "--select", rule, test_scope=scope).result.results
            if result.node.name == rule
        )
        for scope in ("run", "everything")
    )
    assert everyday.status == "pass", "a run would say it each day"
    assert (found.status, found.failures) == ("warn", 3)
    warning = {"test_names": [found.node.name], "test_results": [found.message]}
    report("report_warnings", {**context("test_everything", None, "audit-1"), **warning})
    ((subject, text),) = inbox.read()
    assert subject == "streaming_kpis found 1 warning"
    for spellings in ("'ROCK', 'Rock', 'rock'", "'Hip  Hop', 'hip hop', 'hiphop'", "'Élan', 'élan'"):
        assert spellings in text
    assert "pop'" not in text.replace("Hip  Hop'", "") and "docs/runbook.md" in text


def test_refused_lines_of_songs_and_users_count_like_those_of_streams(stack: Stack, report: Any, inbox: Inbox) -> None:
    """In the run's figures, its message and on the page; a run's id may have any characters."""
    stack.reset()
    pipeline = Pipeline.of(stack)
    run_id = "manual__o'clock"
    pipeline.prepare()
    header = "id,track_id,artists,track_name,popularity,duration_ms,track_genre"
    pipeline.put("songs.csv", f"{header}\n1,t1,A,O,5,10,pop\n2,t2,too,few\n3,t3,A,O,5,10,pop,too,many\n")
    pipeline.put("users.csv", "user_id,user_country\nu1,Peru\nu2\n")
    pipeline.put("streams.csv", "user_id,track_id,listen_time\nu1,t1,2024-06-24 10:00:00\nu1,t1\n")
    pipeline.land_all(run_id=run_id)
    assert pipeline.models(run_id=run_id.replace("'", "")).success
    figures = Tasks(pipeline).figures(run_id)
    assert (figures["files"], figures["lines_refused"]) == (3, 4)
    assert pipeline.one("select lines_refused from landing.pipeline_runs") == 4
    run = SimpleNamespace(dag_id="streaming_kpis", run_id=run_id)
    report("report_success", run, figures, [])
    ((subject, text),) = inbox.read()
    assert subject == "streaming_kpis succeeded, with 4 lines refused" and "lines refused: 4" in text

    Tasks(pipeline).kpi_page()
    page = stack.s3_client.get_object(Bucket="kpi-artifacts", Key="kpis/index.html")["Body"].read().decode()
    tables = read_page(page).tables
    assert ["Refused by COPY, streams", "1"] in tables["lines"]
    assert ["Refused by COPY, songs", "2"] in tables["lines"] and ["Refused by COPY, users", "1"] in tables["lines"]
    assert tables["runs"][0][6] == "4"


@pytest.mark.parametrize(
    ("exception", "sentence"),
    [
        (None, "its process was killed"),
        (Exception("first line\nsecond line\nthird"), "first line"),
        (
            Exception(
                "dbt invocation completed with errors: fct_listens: Database Error in model fct_listens (a.sql)\n"
                "  1023\n  compiled code at x"
            ),
            "fct_listens: Database Error in model fct_listens (a.sql) 1023 compiled code at x",
        ),
        (Exception("x" * 5000), "x" * 1000),
    ],
)
def test_a_reason_is_one_line(exception: Exception | None, sentence: str) -> None:
    from kpi_pipeline.alerts import one_sentence

    found = one_sentence(exception)
    assert sentence in found and "\n" not in found and len(found) <= 1000


def test_success_says_whether_there_is_something_to_look_at(report: Any, inbox: Inbox) -> None:
    run = SimpleNamespace(dag_id="streaming_kpis", run_id="run-7")
    report("report_success", run, FIGURES, [])
    report("report_success", run, {**FIGURES, "rejects": 12, "lines_refused": 3}, ["not_null_stg_users_user_id: Got 1"])
    (subject, text), (noted, details) = inbox.read()
    assert subject == "streaming_kpis succeeded"
    assert "rows landed: 1,000" in text and "runbook" not in text
    assert noted == "streaming_kpis succeeded, with 12 rejects, 3 lines refused, 1 warning"
    assert "Warning: not_null_stg_users_user_id: Got 1" in details and "docs/runbook.md" in details


def test_warnings_are_kept_for_the_message_at_the_end(report: Any) -> None:
    instance = TaskInstance("transform.stg_users_model_build")
    report("keep_warnings", {"ti": instance, "test_names": [], "test_results": []})
    assert instance.xcom == {}
    report("keep_warnings", {"ti": instance, "test_names": ["not_null"], "test_results": ["Got 1 result"]})
    assert instance.xcom == {"warnings": ["not_null: Got 1 result"]}


def test_every_task_reports_its_failure_and_tries_again_with_backoff(faulty: Pipeline) -> None:
    with environment(Tasks(faulty).environment()):
        import streaming_kpis
        from kpi_pipeline.alerts import keep_warnings, report_failure, report_warnings

    tasks = streaming_kpis.dag.tasks
    assert len(tasks) > 20
    from streaming_kpis_audit import dag as audit

    assert audit.get_task("test_everything").on_warning_callback is report_warnings
    for task in [*tasks, *audit.tasks]:
        assert report_failure in list(task.on_failure_callback), task.task_id
        assert task.retries >= 1 and task.retry_exponential_backoff, task.task_id
        if task.task_id.endswith("_model_build"):
            assert task.on_warning_callback is keep_warnings
            model = task.task_id.removeprefix("transform.").removesuffix("_model_build")
            node = task.extra_context["dbt_node_config"]
            assert (node["resource_type"], node["unique_id"]) == ("model", f"model.streaming_kpis.{model}")
        if task.task_id == "transform.assert_genres_add_up_to_the_day_test":
            assert "model.streaming_kpis.genre_kpis_daily" in task.extra_context["dbt_node_config"]["depends_on"]


def test_a_run_that_has_not_succeeded_in_time_is_noticed(state_root: Path, tmp_path: Path) -> None:
    """By Airflow's own scheduler and triggerer, a second after it was queued; its failure is a message of its own."""
    stack = Stack(state_root / "late", settings={"KPI_DEADLINE_SECONDS": "1", "KPI_RETRIES": "0"})
    try:
        stack.up()
        inbox = Inbox(stack.client_env())
        stack.settings["KPI_ALERT_TOPIC_ARN"] = inbox.topic
        (tmp_path / "streams.csv").write_text("user_id,track_id\n")
        stack.put_raw(tmp_path)
        stack.up(airflow=True)
        page = stack.ui_address()
        assert stack.run().state == "failed"
        messages = dict(inbox.wait(2))
    finally:
        stack.down()
    assert set(messages) == {
        "streaming_kpis failed: land.streams",
        "streaming_kpis has not succeeded within 1 second of being queued",
    }
    text = messages["streaming_kpis has not succeeded within 1 second of being queued"]
    assert re.match(r"The run manual__\S+ was queued at 20\S+ and has not succeeded yet\.\n", text)
    assert f"Look at it: {page}/dags/streaming_kpis/runs/manual__" in text and "docs/runbook.md" in text
    assert "{{" not in text


def test_a_run_without_a_scheduler_ends_well_although_it_has_a_deadline(stack: Stack, inbox: Inbox) -> None:
    stack.reset()
    inbox.read()
    result = Stack(stack.state, settings={"KPI_ALERT_TOPIC_ARN": inbox.topic}).run()
    assert (result.state, result.reason) == ("success", "")
    assert [subject for subject, _ in inbox.read()] == ["streaming_kpis succeeded"]


def test_no_run_is_late_where_nobody_asked_for_messages(faulty: Pipeline) -> None:
    with environment(Tasks(faulty).environment(KPI_ALERT_TOPIC_ARN="")):
        from kpi_pipeline import alerts, settings

        assert alerts.deadline(settings.load()) is None


def test_a_day_on_which_airflow_itself_is_down_is_noticed_by_an_alarm_from_outside() -> None:
    template = (REPOSITORY / "deploy" / "templates" / "alarms.yaml").read_text()
    alarm = template[template.index("NoRunSucceeded:") :].split("\n\n")[0]
    for line in ("MetricName: DAGDurationSuccess", "TreatMissingData: breaching", "Value: streaming_kpis"):
        assert line in alarm
