"""CloudFormation's templates as data: read, compared, and named by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref x`) as their long ones (`{"Ref": "x"}`)."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)


def parse(text: str) -> dict[str, Any]:
    """Return a template's content, short forms written out."""
    return yaml.load(text, Loader=_Loader)


def digest(folder: Path) -> str:
    """Hash the nested templates of a folder: those that CloudFormation reads from S3."""
    content = hashlib.sha256()
    for path in nested(folder):
        content.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()[:16]


def nested(folder: Path) -> list[Path]:
    """Return the files of the nested templates."""
    return sorted(path for path in folder.glob("*.yaml") if path.stem not in ("root", "templates"))


def statements(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield every IAM statement of a template, wherever it stands, with its resource's name and content."""
    for name, resource in template.get("Resources", {}).items():
        for document in _documents(resource.get("Properties", {})):
            found = document["Statement"]
            for statement in found if isinstance(found, list) else [found]:
                yield name, resource, statement


def _documents(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if "Statement" in value:
            yield value
            return
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _documents(item)


def differences(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> list[str]:
    """Tell which resources and outputs of a template differ, a line each: `+ Name (Type)`, `-`, `~`."""
    lines = []
    for section in ("Resources", "Outputs"):
        before, after = ((template or {}).get(section, {}) for template in (old, new))
        for name in sorted({*before, *after}):
            if before.get(name) == after.get(name):
                continue
            mark = "~" if name in before and name in after else "+" if name in after else "-"
            kind = (after.get(name) or before[name]).get("Type", section[:-1])
            lines.append(f"{mark} {name} ({kind})")
    return lines
