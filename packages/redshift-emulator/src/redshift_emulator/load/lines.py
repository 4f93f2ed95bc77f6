"""A file of COPY, line by line: what Redshift would refuse is found here, the rest goes on as PostgreSQL's text format.

Source of the error codes: 'Load error reference' (r_Load_Error_Reference.html).
"""

from __future__ import annotations

import datetime
import decimal
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from ..sql.copy import Copy

LONGEST_RECORD = 4 << 20  # bytes; Redshift's own limit for a row
INTEGERS = {"int2": "Short", "int4": "Integer", "int8": "Long"}
INVALID_TIMESTAMP = (1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]")
INVALID = {
    "bool": (1210, "Unknown boolean format"),
    "date": (1205, "Invalid Date Format - length must be 10 or more"),
    "numeric": (1209, "Invalid value '{}' for a decimal"),
    "timestamp": INVALID_TIMESTAMP,
    "timestamptz": INVALID_TIMESTAMP,
}
SKIPPED = re.compile(
    r'skipping row due to data type incompatibility at line (\d+) for column "([^"]+)"(?:: (?s:(.*)))?'
)
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
# The default formats: copy-parameters-data-conversion.html
DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}$")
TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}:\d{2}([.]\d{1,6})?( ?[+-]\d{2}(:?\d{2})?)?)?$")
FORMAT_PARTS = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "MON": "%b", "DD": "%d", "HH24": "%H", "HH12": "%I", "HH": "%H"}
FORMAT_PARTS |= {"MI": "%M", "SS": "%S", "AM": "%p", "PM": "%p", "OF": "%z"}
EPOCHS = {"epochsecs": datetime.timedelta(seconds=1), "epochmillisecs": datetime.timedelta(milliseconds=1)}


@dataclass(frozen=True)
class Column:
    """A column that COPY loads.

    Attributes:
        quoted: The name for a statement.
        kind: PostgreSQL's name of the type.
        length: The bytes that a character column holds.
        scale: The decimals that a numeric column holds.
        is_text: Whether an empty field is an empty text here; elsewhere it is null.
    """

    name: str
    quoted: str
    kind: str
    length: int | None
    scale: int | None
    is_text: bool
    not_null: bool
    identity: bool

    @property
    def type_name(self) -> str:
        """The type as SYS_LOAD_ERROR_DETAIL shows it."""
        return "char" if self.kind == "bpchar" else self.kind[:10]


@dataclass(frozen=True)
class LineError(Exception):
    """Why a line is not loaded."""

    line: int
    code: int
    message: str
    column: Column | None = None
    position: int = 0


class Lines:
    """The lines of one file."""

    def __init__(self, command: Copy, columns: list[Column], chunks: Iterator[bytes]) -> None:
        self.command = command
        self.options = command.options
        self.columns = columns
        self.chunks = chunks
        self.sent = array("Q")  # the line in the file of each row that went on
        self.delimiter = command.delimiter.encode().decode("unicode_escape")
        self.quote = command.options.get("QUOTE") or '"'
        self.null = command.options.get("NULL", "\\N").replace("\\\\", "\\")
        quote, delimiter = re.escape(self.quote), re.escape(self.delimiter)
        self.csv_field = re.compile(
            rf"(?:{quote}((?:[^{quote}]|{quote}{quote})*){quote}|([^{delimiter}{quote}]*))({delimiter}|$)", re.S
        )

    def physical_lines(self) -> Iterator[bytes]:
        """Yield the lines of the file without their ends; of one that no record can hold, as much as shows that."""
        parts: list[bytes] = []
        size = 0
        for chunk in self.chunks:
            begun, *others = chunk.split(b"\n")
            parts.append(begun[: max(LONGEST_RECORD + 2 - size, 0)])
            size += len(begun)
            for other in others:
                yield b"".join(parts)
                parts, size = [other], len(other)
        if size:
            yield b"".join(parts)

    def records(self) -> Iterator[tuple[int, str]]:
        """Yield each record with the number of its first line; one in quotes can have several lines."""
        quote, in_quotes, size = self.quote.encode(), False, 0
        held: list[bytes] = []
        for number, line in enumerate(self.physical_lines(), self.command.number("IGNOREHEADER") + 1):
            held.append(line)
            size += len(line)
            in_quotes ^= "CSV" in self.options and line.count(quote) % 2 == 1
            if not in_quotes or size > LONGEST_RECORD:
                yield number - len(held) + 1, as_text(held)
                held, in_quotes, size = [], False, 0
        if held:
            yield number - len(held) + 1, as_text(held)

    def rows(self) -> Iterator[bytes | LineError]:
        """Yield each line as a row of PostgreSQL's text format, or why it is refused."""
        for number, record in self.records():
            try:
                if not record and "IGNOREBLANKLINES" in self.options:
                    continue
                fields = self.fields(number, record)
                row = [self.value(number, *pair) for pair in zip(self.columns, fields, strict=True)]
            except LineError as error:
                yield error
                continue
            self.sent.append(number)
            yield "\t".join(row).encode() + b"\n"

    def fields(self, number: int, record: str) -> list[str]:
        """Return the fields of a record.

        Raises:
            LineError: Their number is wrong, a quote is, or no row can hold them.
        """
        if len(record) > LONGEST_RECORD:
            raise LineError(number, 1204, "String length exceeds DDL length", self.columns[0])
        if "CSV" not in self.options or self.quote not in record:
            fields = record.split(self.delimiter)
        else:
            fields = []
            at = 0
            while True:
                found = self.csv_field.match(record, at)
                if not found:
                    raise LineError(number, 1216, "Invalid quote formatting for CSV. Unescaped Quotes", position=at)
                quoted, plain, end = found.groups()
                fields.append(plain if quoted is None else quoted.replace(self.quote * 2, self.quote))
                at = found.end()
                if not end:
                    break
        if len(fields) > len(self.columns):
            raise LineError(number, 1202, "Extra column(s) found", self.columns[-1])
        if len(fields) < len(self.columns) and "FILLRECORD" not in self.options:
            raise LineError(number, 1214, "Delimiter not found", self.columns[len(fields) - 1])
        return fields + [self.null] * (len(self.columns) - len(fields))

    def value(self, number: int, column: Column, text: str) -> str:
        """Return a field in PostgreSQL's text format.

        Raises:
            LineError: The column cannot take it.
        """
        options = self.options
        if text == self.null or (text == "" and (not column.is_text or "EMPTYASNULL" in options)):
            return self.nothing(number, column)
        if column.is_text and text.isspace() and "BLANKSASNULL" in options:
            return self.nothing(number, column)
        if not text.isascii():
            text = self.valid_text(number, column, text)
        if "\0" in text:
            raise LineError(number, 1220, "String contains invalid or unsupported UTF8 codepoints.", column)
        if column.is_text:
            if "TRIMBLANKS" in options:
                text = text.rstrip(" ")
            length = column.length
            if length is not None and len(text.encode()) > length:
                if "TRUNCATECOLUMNS" not in options:
                    raise LineError(number, 1204, "String length exceeds DDL length", column)
                text = text.encode()[:length].decode("utf-8", "ignore")
        elif column.kind in ("date", "timestamp", "timestamptz"):
            text = self.time(number, column, text.strip())
        elif column.scale is not None and "ROUNDEC" not in options:
            text = self.truncated(number, column, text)
        return text.translate(ESCAPES)

    def nothing(self, number: int, column: Column) -> str:
        """Null, where the column can be null."""
        if column.not_null:
            raise LineError(number, 1213, "Missing data for not-null field", column)
        return "\\N"

    def valid_text(self, number: int, column: Column, text: str) -> str:
        """Return text whose bytes are UTF-8; ACCEPTINVCHARS replaces those that are not, one for one."""
        bad = re.search("[\udc80-\udcff]", text)
        if not bad:
            return text
        if "ACCEPTINVCHARS" in self.options and column.kind == "varchar":
            return re.sub("[\udc80-\udcff]", self.options["ACCEPTINVCHARS"] or "?", text)
        byte = bad[0].encode("utf-8", "surrogateescape").hex()
        message = f"String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: {byte} (error 4)"
        raise LineError(number, 1220, message, column, bad.start())

    def time(self, number: int, column: Column, text: str) -> str:
        """Return a date or a timestamp, by DATEFORMAT or TIMEFORMAT."""
        is_date = column.kind == "date"
        wanted = self.options.get("DATEFORMAT" if is_date else "TIMEFORMAT", "")
        error = LineError(number, *INVALID[column.kind], column)
        if wanted == "auto" or (not wanted and (DATE if is_date else TIMESTAMP).match(text)):
            return text
        if not wanted:
            raise error
        try:
            if wanted in EPOCHS:
                return str(datetime.datetime(1970, 1, 1) + float(text) * EPOCHS[wanted])
            parts = sorted(FORMAT_PARTS, key=len, reverse=True)
            pattern = re.sub("|".join(parts), lambda part: FORMAT_PARTS[part[0].upper()], wanted, flags=re.I)
            return str(datetime.datetime.strptime(text, pattern))
        except (ValueError, OverflowError) as wrong:
            raise error from wrong

    def truncated(self, number: int, column: Column, text: str) -> str:
        """Return a number without the decimals that the column has no room for."""
        try:
            step = decimal.Decimal(1).scaleb(-(column.scale or 0))
            return str(decimal.Decimal(text.strip()).quantize(step, decimal.ROUND_DOWN))
        except decimal.InvalidOperation as wrong:
            message = f"Invalid digit, Value '{text[:1]}', Pos 0, Type: Decimal"
            raise LineError(number, 1207, message, column) from wrong

    def error_of(self, notice: dict[str, str]) -> LineError | None:
        """Return the error that PostgreSQL's notice about a skipped row stands for."""
        found = SKIPPED.match(notice["M"])
        if not found:
            return None
        line = self.sent[int(found[1]) - 1]
        column = next(column for column in self.columns if column.name == found[2])
        value = (found[3] or "").strip('"')
        if column.kind in INTEGERS:
            place = len(re.match(r"([+-]?\d+)?", value)[0])  # type: ignore[index]
            if place == len(value):
                return LineError(line, 1222, f"Overflow for {column.kind}, Value '{value}'", column)
            message = f"Invalid digit, Value '{value[place]}', Pos {place}, Type: {INTEGERS[column.kind]}"
            return LineError(line, 1207, message, column, place)
        code, message = INVALID.get(column.kind, (1208, f"Invalid value '{value}' for type {column.kind}"))
        return LineError(line, code, message.replace("{}", value), column)


def as_text(lines: list[bytes]) -> str:
    """Return the lines of a record; a byte that is not UTF-8 becomes a surrogate."""
    return b"\n".join(lines).removesuffix(b"\r").decode("utf-8", "surrogateescape")
