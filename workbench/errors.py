"""The errors that the command line shows as a sentence instead of a stack trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.explain import Problem


class WorkbenchError(Exception):
    """Something that the user can understand and act on, said in one sentence."""


class DbtError(WorkbenchError):
    """dbt can't do what it was asked for.

    Args:
        problem: What is wrong, and where.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem
