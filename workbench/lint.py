"""sqlfluff and yamllint on a few files, beside whatever else this process does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent


class Lint:
    """A check of style that has been started.

    Args:
        files: .sql and .yml files.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        names = [str(file.relative_to(REPO)) for file in files]
        self._sql = [name for name in names if name.endswith(".sql")]
        yml = [name for name in names if name.endswith(".yml")]
        self._sqlfluff = self._start("sqlfluff", "lint", "--format", "json", *self._sql) if self._sql else None
        self._yamllint = self._start("yamllint", "--strict", "--format", "parsable", *yml) if yml else None

    def findings(self) -> list[str]:
        """Wait for the end; returns a line for each finding: file, line, column, rule and what is wrong."""
        found = []
        if self._sqlfluff:
            output, errors = self._sqlfluff.communicate()
            try:
                files = json.loads(output)
            except ValueError:
                return [f"sqlfluff failed: {(errors or output).strip()}"]
            for file in files:
                for each in file["violations"]:
                    place = f"{file['filepath']}:{each['start_line_no']}:{each['start_line_pos']}"
                    found.append(f"{place}  {each['code']} {each['description']}")
        if self._yamllint:
            output, errors = self._yamllint.communicate()
            found += (output + errors).splitlines()
        return found

    @staticmethod
    def _start(program: str, *words: str) -> subprocess.Popen[str]:
        command = [str(Path(sys.executable).parent / program), *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPO)
