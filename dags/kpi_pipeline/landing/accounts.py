"""What became of every line of a file: a row, or a refused line with its reason and its text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from kpi_pipeline.landing.contents import Line, chunks, lines, readable
from kpi_pipeline.landing.files import File

MOST_REFUSED_LINES = 100_000
"""COPY's own limit, MAXERROR: a load that has more refused lines is rolled back whatever its size."""


@dataclass(frozen=True)
class Refusal:
    """A line that COPY could not take.

    Attributes:
        line_number: The header is line 1; -1 where COPY does not know, because it read the file in several parts.
        column_name: The column, where there is one to blame.
        reason: Redshift's words.
        raw_line: The line's text; empty where the number is not known.
    """

    line_number: int
    column_name: str
    reason: str
    raw_line: str = ""


@dataclass(frozen=True)
class LoadedFile:
    """What a COPY did with a file.

    Attributes:
        file: The file.
        landed_count: Its lines that became rows; 0 where the COPY failed.
        refusals: Its lines that COPY could not take.
        copy_id: Redshift's number of the COPY's query, which names it in the system views.
        etags: The ETags of what COPY read; none where Redshift does not name them.
        disagreement: What the system views say otherwise, as a sentence; empty where they agree.
        is_counted: Whether ``landed_count`` is known.
    """

    file: File
    landed_count: int
    refusals: tuple[Refusal, ...]
    copy_id: int
    etags: tuple[str, ...] = ()
    disagreement: str = ""
    is_counted: bool = True

    @property
    def line_count(self) -> int:
        """Every line but the header and blank ones."""
        return self.landed_count + len(self.refusals)

    @property
    def has_too_many_refusals(self) -> bool:
        """Whether so many lines are refused that it is not chance: more than 10, and more than 1 %."""
        refused = len(self.refusals)
        return refused >= MOST_REFUSED_LINES or (refused > 10 and refused > self.line_count / 100)

    @property
    def complaint(self) -> str:
        """What is wrong with a file of too many refused lines, up to the first of them."""
        of_all = f" of {self.line_count}" if self.is_counted else ""
        first = min(self.refusals, key=lambda refusal: refusal.line_number, default=None)
        where = f"line {first.line_number}" if first and first.line_number > 0 else "of an unknown line"
        detail = f"; the first is {where}: {first.reason}" if first else ""
        return f"{self.file.url}: {len(self.refusals)}{of_all} lines can't be loaded, more than 1 %{detail}"


def count_records(s3: Any, file: File) -> int:
    """Read a file and count its records: the header and blank lines aside, and a quoted line feed ends none.

    Raises:
        LandingError: The file is a gzip that can't be read.
        TransientLandingError: The object is another one by now, or S3 did not hand it over.
    """
    count, is_open = -1, False
    for line in lines(chunks(s3, file)):
        count += not is_open and not line.is_blank
        is_open ^= line.quote_count % 2 == 1
    return count


def with_raw_lines(s3: Any, file: LoadedFile) -> LoadedFile:
    """Add the text of a file's refused lines, which Redshift's views do not have, and the lines these took with them.

    A quote that is opened and not closed makes one record of all lines up to the next quote: COPY reports one refused
    line, and the others would be lost unseen. They are refused lines too. Whether COPY took them along shows in the
    lines that it read: fewer than the file has.

    Raises:
        TransientLandingError: The object is another one by now, or S3 did not hand it over.
    """
    numbers = {refusal.line_number for refusal in file.refusals if refusal.line_number > 0}
    records, line_count = _read_records(s3, file.file, numbers)
    by_number = {record.number: record for record in records}
    following = sum(len(record.lines) - 1 for record in records)
    is_each_read = line_count is None or 0 < line_count - 1 < file.line_count + following
    refusals = []
    for refusal in file.refusals:
        record = by_number.get(refusal.line_number)
        if record is None:
            # Its number is not known, or an unclosed quote before it has swallowed it and COPY reports it all the same.
            refusals.append(refusal)
            continue
        if record.is_blank:
            # COPY ignores lines that have a line feed alone; one that has a carriage return too is no more of a line.
            continue
        refusals.append(replace(refusal, raw_line=record.lines[0]))
        if not is_each_read:
            reason = f"Part of the record that line {record.number} opens with a quote."
            refusals += [
                Refusal(number, "", reason, line)
                for number, line in enumerate(record.lines[1:], start=record.number + 1)
            ]
    return replace(file, refusals=tuple(refusals))


@dataclass(frozen=True)
class _Record:
    """A record by its lines: more than one where a quote stays open at a line's end; the header is line 1."""

    number: int
    lines: list[str]
    is_blank: bool


def _read_records(s3: Any, file: File, wanted: Iterable[int]) -> tuple[list[_Record], int | None]:
    """Read records of an object again, by the numbers of their first lines.

    Returns:
        The records, and how many lines the object has, blank ones aside; None if it was not read to its end, since
        each record is one line.
    """
    wanted = set(wanted)
    if not wanted:
        return [], None
    records: list[_Record] = []
    last, line_count, is_open, has_open = max(wanted), 0, False, False
    for number, line in enumerate(lines(chunks(s3, file)), start=1):
        if is_open and len(records[-1].lines) < MOST_REFUSED_LINES:
            records[-1].lines.append(readable(line))
        elif not is_open and number in wanted:
            records.append(_Record(number, [readable(line)], line.is_blank))
        line_count += _is_counted(line, is_open)
        if (is_open or number in wanted) and line.quote_count % 2:
            is_open, has_open = not is_open, True
        if number >= last and not has_open:
            return records, None
    return records, line_count


def _is_counted(line: Line, is_open: bool) -> bool:
    return is_open or not line.is_blank
