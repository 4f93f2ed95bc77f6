"""The environments: one short file each, with what differs from the defaults of the root template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from deploy.errors import DeployError

NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
KEYS = {"region", "account", "parameters", "waive"}
# What an environment can do without if its file says so by name.
WAIVABLE = {"AlertEmail"}
# The deploy command fills these itself.
OWN_PARAMETERS = {"Environment", "TemplateUrl", "Stage", "RequirementsVersion", "StartupVersion", "PluginsVersion"}


@dataclass(frozen=True)
class Environment:
    """An environment.

    Attributes:
        name: Stands in the name of every resource.
        region: The AWS region; None for the one of the caller's AWS configuration.
        account: The only account to deploy to; None for whichever the credentials belong to.
        parameters: Parameters of the root template.
        waived: What it does without, by the name of the parameter.
    """

    name: str
    region: str | None
    account: str | None
    parameters: dict[str, str]
    waived: frozenset[str] = frozenset()

    @property
    def is_production(self) -> bool:
        """Whether somebody has to hear of its failures."""
        return self.name == "prod" or self.name.startswith("prod-")

    @property
    def stack(self) -> str:
        """The root stack's name."""
        return f"kpi-{self.name}"


def load(folder: Path, name: str) -> Environment:
    """Read an environment's file.

    Args:
        folder: Holds a file `<name>.yaml` for each environment.
        name: Which one.

    Raises:
        DeployError: There is no such file, or it says something that nobody would read.
    """
    if not NAME.fullmatch(name or ""):
        raise DeployError(f"ENV is {name!r}: give it a short name in lower case, say ENV=dev.")
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml"))) or "none"
        raise DeployError(f"There is no {path.name} in {folder.name}/ (there is: {known}): copy one and change it.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise DeployError(f"{path.name} is no YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict) or set(content) - KEYS:
        raise DeployError(f"{path.name} may have {', '.join(sorted(KEYS))} and nothing else.")
    parameters = content.get("parameters") or {}
    if not isinstance(parameters, dict) or any(isinstance(value, (dict, list)) for value in parameters.values()):
        raise DeployError(f"The parameters of {path.name} are no list of names and values.")
    if taken := sorted(OWN_PARAMETERS & set(parameters)):
        raise DeployError(f"{path.name} sets {', '.join(taken)}, which the deploy command fills itself.")
    waived = content.get("waive") or []
    if not isinstance(waived, list) or not WAIVABLE.issuperset(waived):
        raise DeployError(f"{path.name} can waive {', '.join(sorted(WAIVABLE))} and nothing else, as a list.")
    account = content.get("account")
    return Environment(
        name=name,
        region=content.get("region"),
        account=None if account is None else str(account).zfill(12),
        parameters={key: str(value) for key, value in parameters.items()},
        waived=frozenset(waived),
    )
