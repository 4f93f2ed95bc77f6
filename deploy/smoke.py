"""The pipeline against a real warehouse: each pass that it has, in schemas and under a prefix of its own.

It reads what the pipeline reads (KPI_RAW_BUCKET, KPI_ARTIFACT_BUCKET, REDSHIFT_HOST, ...), and needs a route to
Redshift. Airflow has no part in it: what differs between a warehouse and the local one is SQL. docs/production.md says
which rights it needs, and what it can't tell.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import redshift_connector
import sqlparse

from deploy import erase, smoke_files, smoke_probes
from deploy import warehouse as administration
from deploy.errors import DeployError
from deploy.smoke_place import Place

from kpi_pipeline import landing, requests, settings  # isort: skip  # deploy.smoke_place has put dags/ on the path
from kpi_pipeline.landing.errors import LandingError  # isort: skip
from kpi_pipeline.landing.warehouse import Warehouse  # isort: skip
from kpi_pipeline.sql import render  # isort: skip

from local.sample import Sample

__all__ = ["Smoke", "Warehouse", "landing", "render", "settings", "smoke"]

Progress = Callable[[str], None]

# COPY splits files of 128 MB and more. The local one need not be large, since the emulator splits none by itself.
LARGE_MEGABYTES, LARGE_LOCALLY = 140.0, 2.0
BUILD = ("build", "--exclude-resource-type", "unit_test")


def smoke(target: str, progress: Progress, large_megabytes: float | None = None) -> int:
    """Run the smoke test; returns the exit status.

    Args:
        target: A target of dbt_project/profiles.yml; `local` starts the local stack, to try this out.
        progress: Is called with a line for each step.
        large_megabytes: The size of the large file.

    Raises:
        DeployError: A setting is missing, or the warehouse does not do what it should.
    """
    environ = dict(os.environ)
    if target == "local":
        from local.stack import Stack

        stack = Stack(progress=progress)
        stack.up()
        environ = stack.process_env()
    Smoke(target, environ, progress, large_megabytes).run()
    return 0


class Smoke:
    """One smoke test.

    Args:
        target: A target of dbt_project/profiles.yml.
        environ: The variables of the pipeline and of AWS.
        progress: Is called with a line for each step.
        large_megabytes: The size of the large file.

    Raises:
        DeployError: A setting is missing.
    """

    def __init__(
        self, target: str, environ: Mapping[str, str], progress: Progress, large_megabytes: float | None = None
    ) -> None:
        self.place = Place(target, environ)
        self._progress = progress
        self._megabytes = large_megabytes or (LARGE_LOCALLY if target == "local" else LARGE_MEGABYTES)
        self._expected: Counter[str] = Counter()
        self._password = ""
        self._not_shown: list[str] = []

    def run(self) -> None:
        """Run all passes, then the probes; clean up whatever happens.

        Raises:
            DeployError: A pass failed, the KPIs are not those of the files, or something could not be removed.
        """
        try:
            with self.place.connected() as connection:
                self._make_roles(connection)
                self._make_tables(connection)
                self._first_passes(connection)
                self._files(connection)
                self._requests(connection)
                self._checks()
                self._access(connection)
                self._erase(connection)
            with self.place.connected() as connection:
                self._probe(connection)
        finally:
            left = self.place.clean_up()
            self._progress("the schemas and roles are dropped and the objects deleted" if not left else "left behind:")
            for sentence in left:
                self._progress(sentence)
        for sentence in self._not_shown:
            self._progress(f"NOT SHOWN: {sentence}")
        if left:
            raise DeployError(f"The smoke test left something behind: {'; '.join(left)}")

    # -- the parts ----------------------------------------------------------------------------------------------------

    def _make_roles(self, connection: Any) -> None:
        """Send the bootstrap SQL twice, as a deployment does; go on without roles where this user may not make them."""
        names = self.place.names
        database = self.place.environ.get("REDSHIFT_DATABASE") or "dev"
        warehouse = administration.Connection(connection)
        user = str(warehouse.query("select current_user")[0][0])
        try:
            warehouse.query(f"create role {administration.identifier(names.pipeline)}")
            self.place.has_roles = True
            for _ in range(2):
                administration.bootstrap(
                    warehouse,
                    user=user,
                    database=database,
                    landing=names.landing,
                    marts=names.marts,
                    pipeline=names.pipeline,
                    analysts=names.analysts,
                )
            self._password = self.place.make_reader(warehouse.query)
        except redshift_connector.Error as error:
            if "permission denied" not in str(error).lower():
                raise
            self._not_shown.append(f"bootstrap, grants to analysts and revokes: {user} may not make roles and users.")
            return
        self.place.environ["KPI_ANALYST_ROLE"] = names.analysts
        self._progress("bootstrap: the roles and schemas are made, twice")

    def _make_tables(self, connection: Any) -> None:
        for statement in sqlparse.split(render("create_landing", schema=self.place.names.landing)):
            self._execute(connection, statement)

    def _first_passes(self, connection: Any) -> None:
        """Land and build a full load, a further day with late rows, and then nothing; and the same file once more."""
        sample = Sample(days=2, rows=5_000)
        again: Path | None = None
        for batch, title in ((1, "full"), (2, "incremental")):
            folder = self.place.scratch / f"batch_{batch}"
            contents = sample.write(folder, batch)
            self._expected.update({str(day): count for day, count in contents.listens.items()})
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                self.place.put(path.relative_to(folder).as_posix(), path.read_bytes())
            again = max(folder.rglob("streams/*.csv"))
            self._land(connection, title)
            self.place.dbt(BUILD)
            self._compare(connection, title)
        before = self._builds(connection)
        self.place.dbt(BUILD)
        if self._builds(connection) != before:
            raise DeployError("A pass with nothing due has built days.")
        self._compare(connection, "nothing due")
        assert again is not None
        self.place.put(f"streams/{again.name}", again.read_bytes())
        if self._land(connection, "the same file again"):
            raise DeployError(f"The same bytes, put again as streams/{again.name}, have landed again.")
        self._progress("the same file again: it is known, and nothing landed")

    def _files(self, connection: Any) -> None:
        """Land a file that COPY gives up on, a large one, and one with odd characters; build what they bring."""
        key = self.place.put("streams/broken.csv", smoke_files.broken())
        try:
            self._land(connection, "beyond MAXERROR")
        except LandingError as error:
            if "streams/broken.csv" not in str(error):
                raise
        else:
            raise DeployError(f"A file with {smoke_files.MAXERROR + 1:,} broken lines has landed.")
        kept = self._count(connection, "refused_lines", f"key = '{key}' and is_rolled_back")
        if not kept:
            raise DeployError("Of the file that COPY gave up on no refused line is kept.")
        self._progress(f"beyond MAXERROR: COPY gave up, nothing landed, and {kept:,} refused lines are kept")
        self.place.delete(key)

        path = self.place.scratch / "large.csv"
        large = smoke_files.write_large(path, self._megabytes)
        key = self.place.put("streams/large.csv", path)
        path.unlink()
        self._land(connection, "a large file")
        refused = self._count(connection, "refused_lines", f"key = '{key}'")
        if refused != large.refused:
            raise DeployError(f"Of the large file {refused} lines are refused, and {large.refused} are broken.")
        unknown = self._count(connection, "refused_lines", f"key = '{key}' and line_number < 1")
        self._progress(
            f"a large file of {large.size / 10**6:,.0f} MB: all its lines are accounted for, {refused} are refused, "
            f"and Redshift tells the line number of {refused - unknown} of them"
        )
        self._expected.update(large.listens)

        self.place.put("streams/odd.csv", smoke_files.odd())
        self._land(connection, "odd characters")
        rows = self._execute(
            connection, f"select user_id, track_id from {self.place.names.landing}.streams where user_id like 'odd-%'"
        )
        landed = {str(user): str(track) for user, track in rows}
        for title, (user, track) in smoke_files.ODD_ROWS.items():
            if landed.get(user) != track:
                self._progress(f"odd characters: {title} lands as {landed.get(user)!r}, not as {track!r}")
        self._expected.update({str(smoke_files.ODD_DAY): len(landed)})
        self.place.dbt(BUILD)
        self._compare(connection, "the files")

    def _requests(self, connection: Any) -> None:
        """Rebuild a day, rebuild every day by four processes side by side, and refresh everything."""
        first, last = min(self._expected), max(self._expected)
        before = self._builds(connection)
        self._ask(connection, "a rebuild", rebuild_from=last, rebuild_to=last)
        self.place.dbt(BUILD)
        after = self._builds(connection)
        rebuilt = {day for model, day in after if after[model, day] != before.get((model, day))}
        if rebuilt != {last}:
            raise DeployError(f"A rebuild of {last} has built {', '.join(sorted(rebuilt)) or 'no day'}.")
        self._compare(connection, "a rebuild")

        self._ask(connection, "side by side", rebuild_from=first, rebuild_to=last)
        models = sorted(
            node["name"]
            for node in self.place.artifact("manifest.json")["nodes"].values()
            if node["resource_type"] == "model" and "kpi" in node["tags"]
        )
        self.place.dbt((*BUILD, "--exclude", "tag:kpi+"))
        self.place.dbt(*((*BUILD, "--select", model) for model in models[:4]))
        self._compare(connection, f"side by side ({', '.join(models[:4])})")

        self._ask(connection, "a full refresh", full_refresh=True)
        self.place.dbt(BUILD)
        self._compare(connection, "a full refresh")

    def _checks(self) -> None:
        """Run what the audit runs, the unit tests, and make the docs."""
        self.place.dbt(("test", "--exclude-resource-type", "unit_test"))
        self.place.dbt(("source", "freshness"))
        self._progress("the audit: every test over everything passes, and the sources are fresh")
        # Their inputs are made from the tables that are there by now.
        self.place.dbt(("test", "--select", "test_type:unit"))
        self._progress("the unit tests pass")
        self.place.dbt(("docs", "generate", "--static"))
        catalogued = set(self.place.artifact("catalog.json")["nodes"])
        nodes = self.place.artifact("manifest.json")["nodes"]
        models = {name for name, node in nodes.items() if node["resource_type"] == "model"}
        if missing := sorted(models - catalogued):
            raise DeployError(f"The docs lack the columns of {', '.join(missing)}.")
        self._progress(f"the docs know the columns of all {len(models)} models")

    def _access(self, connection: Any) -> None:
        """Read as an analyst, and revoke what the release does not grant."""
        if not self._password:
            return
        names = self.place.names
        with self.place.connected(names.reader, self._password) as own:
            if not self._execute(own, f"select count(*) from {names.marts}.listening_kpis_daily")[0][0]:
                raise DeployError("An analyst sees no row of listening_kpis_daily.")
            self._execute(own, f"select count(user_id) from {names.marts}.dim_users")
            for statement in (
                f"select user_name from {names.marts}.dim_users",
                f"select * from {names.landing}.users",
                f"delete from {names.marts}.listening_kpis_daily",
            ):
                try:
                    self._execute(own, statement)
                except redshift_connector.Error as error:
                    own.rollback()
                    if "permission denied" not in str(error).lower():
                        raise
                else:
                    raise DeployError(f"An analyst may: {statement}")
        warehouse = administration.Connection(connection)
        self._execute(connection, f"grant select on {names.landing}.users to role {names.analysts}")
        found = {"landing": names.landing, "marts": names.marts, "analysts": names.analysts}
        granted = {
            node["name"]
            for node in self.place.artifact("manifest.json")["nodes"].values()
            if f"role:{names.analysts}" in (node["config"].get("grants") or {}).get("select", [])
        }
        revoked = administration.revoke_what_is_not_granted(warehouse, granted=granted, **found)
        if revoked != [f"select on {names.landing}.users"]:
            raise DeployError(f"A deployment would revoke {', '.join(revoked) or 'nothing'}.")
        self._progress("access: an analyst reads the marts, and neither names nor landing; other grants are revoked")

    def _erase(self, connection: Any) -> None:
        """Erase the person who listened most, and rebuild."""
        names = self.place.names
        person = self._execute(
            connection,
            f"select user_id from {names.marts}.fct_listens where user_id not like 'large-%'"
            " group by user_id order by count(*) desc, user_id limit 1",
        )[0][0]
        lost = self._execute(
            connection,
            f"select to_char(listen_date, 'YYYY-MM-DD'), count(*) from {names.marts}.fct_listens"
            f" where user_id = {administration.literal(person)} group by listen_date",
        )
        erase.erase(
            administration.Connection(connection),
            str(person),
            landing=names.landing,
            marts=names.marts,
            manifest=self.place.artifact("manifest.json"),
        )
        self._expected.subtract({str(day): int(count) for day, count in lost})
        self.place.dbt(BUILD)
        self._compare(connection, "a person erased")

    def _probe(self, connection: Any) -> None:
        """Send the probes that the emulator is tested with, and tell each one that is answered differently."""
        count, differences = smoke_probes.ask(connection, self.place.names.probes)
        for difference in differences:
            self._progress(difference)
        same = count - len(differences)
        self._progress(f"{same} of {count} probes are answered as by the Redshift emulator")

    # -- what they are made of ----------------------------------------------------------------------------------------

    def _land(self, connection: Any, title: str) -> int:
        """Land what is new; returns the rows."""
        rows = 0
        for table in ("songs", "users", "streams"):
            warehouse = Warehouse(connection, self.place.names.landing, "smoke")
            landed = landing.land(table, self.place.settings, self.place.s3, warehouse)
            if landed.rows is not None:
                rows += landed.rows
                self._progress(f"{title}: landed {landed.rows:,} rows of {table}")
        return rows

    def _ask(self, connection: Any, title: str, **asked: Any) -> None:
        names = self.place.names
        requests.record(connection, names.landing, names.marts, f"smoke, {title}", asked)

    def _builds(self, connection: Any) -> dict[tuple[str, str], str]:
        """Return when each model built each day."""
        rows = self._execute(
            connection,
            "select model_name, to_char(listen_date, 'YYYY-MM-DD'), max(built_at)"
            f" from {self.place.names.marts}.day_builds group by model_name, listen_date",
        )
        return {(str(model), str(day)): str(at) for model, day, at in rows}

    def _compare(self, connection: Any, title: str) -> None:
        days = "to_char(listen_date, 'YYYY-MM-DD')"
        schema = self.place.names.marts
        rows = self._execute(connection, f"select {days}, listen_count from {schema}.listening_kpis_daily")
        found = {str(day): int(count) for day, count in rows}
        expected = {day: count for day, count in self._expected.items() if count}
        wrong = [day for day in sorted({*found, *expected}) if found.get(day) != expected.get(day)]
        if wrong:
            day = wrong[0]
            raise DeployError(
                f"The pass '{title}' counts {found.get(day, 0)} listens on {day}, and the files hold "
                f"{expected.get(day, 0)} ({len(wrong)} days differ)."
            )
        self._progress(
            f"{title}: the KPIs count the {sum(found.values()):,} listens of the files, on {len(found)} days"
        )

    def _count(self, connection: Any, table: str, condition: str) -> int:
        names = self.place.names
        return int(self._execute(connection, f"select count(*) from {names.landing}.{table} where {condition}")[0][0])

    def _execute(self, connection: Any, statement: str) -> list[tuple[Any, ...]]:
        with closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        connection.commit()
        return rows
