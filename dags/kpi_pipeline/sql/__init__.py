"""The SQL that the pipeline sends itself, as files; dbt sends the rest."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import StrictUndefined, Template


def render(name: str, **names: object) -> str:
    """Return a file of this folder with its ``{{ placeholders }}`` filled.

    Only names and numbers that the pipeline makes or has checked go in here; other values travel as bind parameters,
    for which a placeholder is filled with ``%s``.

    Args:
        name: The file without ``.sql``.
        names: What each placeholder stands for.

    Raises:
        jinja2.UndefinedError: A placeholder has no value.
    """
    text = files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return Template(text, undefined=StrictUndefined).render(names)
