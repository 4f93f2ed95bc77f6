"""What a version puts into the artifact bucket: each object, and a digest that tells whether it has to be put again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

from deploy import build
from deploy.errors import DeployError

PROJECT = "dags/dbt_project/"
# Not dbt's partial parse: Cosmos copies it with its permissions, and dbt then can't write the copy where dags/ is
# read-only. Cosmos keeps one of its own after a worker's first task.
MANIFEST, DOCS = f"{PROJECT}target/manifest.json", "docs/release.html"
REQUIREMENTS, STARTUP, PLUGINS, CONSTRAINTS = "requirements.txt", "startup.sh", "plugins.zip", "dags/constraints.txt"
# MWAA takes these by their version, at an update of the environment; it syncs the rest of dags/ all the time.
VERSIONED = {REQUIREMENTS: "RequirementsVersion", STARTUP: "StartupVersion", PLUGINS: "PluginsVersion"}
# The private web server reaches no package index, so pip gets wheels out of plugins.zip.
MWAA_HOME = "/usr/local/airflow"
GENERATED_FOLDERS = {"target", "logs", "dbt_packages", "__pycache__"}


@dataclass(frozen=True)
class Item:
    """An object of the release.

    Attributes:
        key: Its key in the artifact bucket.
        digest: Hash of its content, or of what it is made from where making it twice gives other bytes.
        read: Returns the content, made anew if need be.
    """

    key: str
    digest: str
    read: Callable[[], bytes]


def requirements(text: str, home: str = MWAA_HOME) -> str:
    """Return requirements.txt as MWAA gets it: with its constraints, and with wheels instead of an index.

    Args:
        text: The repository's requirements.txt.
        home: Airflow's home, where MWAA puts dags/ and what was in plugins.zip.
    """
    return f'--constraint "{home}/dags/constraints.txt"\n--find-links "{home}/plugins"\n--no-index\n\n{text}'


def items(tree: Path, parse_environment: Mapping[str, str], wheels: Path | None = None) -> list[Item]:
    """List the objects of a version.

    Args:
        tree: The version's files.
        parse_environment: The variables that the dbt project reads, as they will stand in MWAA: with other values dbt
            would throw away the partial parse and parse everything again in each task.
        wheels: A directory of wheels for plugins.zip; None to download them.

    Raises:
        DeployError: The version was made for another dbt than the one that is installed here.
    """
    found = [_file(f"dags/{path.relative_to(tree / 'dags').as_posix()}", path) for path in _files(tree / "dags")]
    project = [
        _file(f"{PROJECT}{path.relative_to(tree / 'dbt_project').as_posix()}", path)
        for path in _files(tree / "dbt_project")
    ]
    found += project
    found.append(_file("dags/.airflowignore", tree / "deploy" / "airflowignore"))
    found.append(_file(CONSTRAINTS, tree / "constraints.txt"))
    found.append(_file(STARTUP, tree / "deploy" / "startup.sh"))
    text = (tree / "requirements.txt").read_text(encoding="utf-8")
    _check_dbt(text)
    found.append(_text(REQUIREMENTS, requirements(text)))
    made = build.DbtArtifacts(tree, parse_environment)
    source = _hash(
        *(f"{item.key} {item.digest}" for item in project), json.dumps(dict(parse_environment), sort_keys=True), text
    )
    found += [Item(MANIFEST, source, made.manifest), Item(DOCS, source, made.docs)]
    wanted = _hash(
        text,
        (tree / "constraints.txt").read_text(encoding="utf-8"),
        *build.TARGET,
        *(f"{file.name} {file.read_text(encoding='utf-8')}" for file in build.plugin_files(tree)),
    )
    found.append(Item(PLUGINS, wanted, lambda: build.plugins(tree, wheels)))
    return found


def granted(items: Iterable[Item], role: str) -> set[str]:
    """Return the relations that the release's dbt project lets a role of the warehouse read.

    Args:
        items: The objects of the release; the dbt manifest is read.
        role: The role.
    """
    manifest = json.loads(next(item for item in items if item.key == MANIFEST).read())
    return {
        node.get("alias") or node["name"]
        for node in manifest["nodes"].values()
        if f"role:{role}" in (node["config"].get("grants") or {}).get("select", [])
    }


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix != ".pyc"
        and not GENERATED_FOLDERS & set(path.relative_to(folder).parts)
        and not path.name.startswith(".")
    )


def _file(key: str, path: Path) -> Item:
    return Item(key, hashlib.sha256(path.read_bytes()).hexdigest(), path.read_bytes)


def _text(key: str, text: str) -> Item:
    return Item(key, _hash(text), text.encode)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _check_dbt(text: str) -> None:
    pins = dict(re.findall(r"^(dbt-core|dbt-redshift)==([\w.]+)", text, re.MULTILINE))
    for package in ("dbt-core", "dbt-redshift"):
        if package not in pins:
            raise DeployError(f"requirements.txt does not pin {package}: its manifest would be another dbt's.")
        if (here := installed_version(package)) != pins[package]:
            raise DeployError(
                f"This version wants {package} {pins[package]} and {here} is installed: its manifest would be another "
                "dbt's. Check the version out, run 'make setup' and deploy from there."
            )
