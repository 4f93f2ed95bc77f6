"""Malformed input: what is in a file, and what becomes of it."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field

HEADER = "user_id,track_id,listen_time\n"
GOOD = "u1,t1,2024-06-25 10:00:00\n"
GOOD_ROWS = 20
LINES = "".join(f"u{n},t1,2024-06-25 10:00:{n:02}\n" for n in range(GOOD_ROWS))
STREAMS = "streams/a.csv"


@dataclass(frozen=True)
class Landed:
    """Rows that landed, of them rejected by reason, and the numbers of the lines that COPY refused."""

    rows: int
    rejects: dict[str, int] = field(default_factory=dict)
    refused: tuple[int, ...] = ()
    reason: str = ""  # what Redshift says of the refused lines


@dataclass(frozen=True)
class RefusedFile:
    """Nothing landed, and a sentence that has these words."""

    words: str
    refused: int = 0  # the lines that are kept of it


@dataclass(frozen=True)
class Ignored:
    """The object is none of ours: nothing is new."""


@dataclass(frozen=True)
class Case:
    name: str
    body: bytes | str
    expected: Landed | RefusedFile | Ignored
    key: str = STREAMS


def time(name: str, written: str, reason: str = "") -> Case:
    """One row with this listen_time; no reason: it is a listen."""
    rejects = {reason: 1} if reason else {}
    return Case(f"time: {name}", f"{HEADER}u1,t1,{written}\n", Landed(1, rejects))


def row(name: str, line: str, reason: str = "") -> Case:
    rejects = {reason: 1} if reason else {}
    return Case(f"row: {name}", f"{HEADER}{line}\n", Landed(1, rejects))


def refused_line(name: str, line: bytes | str, reason: str) -> Case:
    """A line among good ones that COPY can't take: it is refused, and the others land."""
    content = line.encode() if isinstance(line, str) else line
    body = HEADER.encode() + LINES.encode() + content + b"\n" + GOOD.encode()
    return Case(f"line: {name}", body, Landed(GOOD_ROWS + 1, refused=(GOOD_ROWS + 2,), reason=reason))


def named(name: str, key: str) -> Case:
    return Case(f"key: {name}", HEADER + GOOD, Landed(1), key)


MALFORMED, IMPOSSIBLE = "malformed listen_time", "impossible listen_time"
EARLY, FUTURE = "listen_time before 2000", "listen_time in the future"

FILES = [
    Case("empty file", "", RefusedFile("is empty")),
    Case("header only", HEADER, Landed(0)),
    Case("header only, no final newline", HEADER.strip(), Landed(0)),
    Case("no header", GOOD * 3, RefusedFile("lacks the columns 'listen_time', 'track_id', 'user_id'")),
    Case("an empty line first", "\n" + HEADER + GOOD, RefusedFile("lacks the columns")),
    Case("a comment first", "# exported today\n" + HEADER + GOOD, RefusedFile("has the column '# exported today'")),
    Case("a missing column", "user_id,track_id\nu1,t1\n", RefusedFile("lacks the column 'listen_time' in its header")),
    Case("an extra column", "user_id,track_id,listen_time,device\nu1,t1,x,y\n", RefusedFile("has the column 'device'")),
    Case("a column with no name", "user_id,track_id,listen_time,\n", RefusedFile("has the column ''")),
    Case("a repeated column", "user_id,user_id,track_id,listen_time\n", RefusedFile("repeats the column 'user_id'")),
    Case("a differently cased column", "User_ID,track_id,listen_time\n", RefusedFile("has the column 'User_ID'")),
    Case("blanks around the columns' names", "user_id, track_id , listen_time\n" + GOOD, Landed(1)),
    Case("blanks, tabs and quotes around names", '"user_id ",\ttrack_id, "listen_time" \n' + GOOD, Landed(1)),
    Case(
        "names that are equal once trimmed",
        "user_id,user_id ,track_id,listen_time\n",
        RefusedFile("repeats the column"),
    ),
    Case("BOM before a quoted name", b'\xef\xbb\xbf"user_id",track_id,listen_time\n' + GOOD.encode(), Landed(1)),
    Case("two BOMs", b"\xef\xbb\xbf" * 2 + (HEADER + GOOD).encode(), Landed(1)),
    Case(
        "pandas' index", "," + HEADER + "0," + GOOD, RefusedFile("a column without a name (line 1), which is the index")
    ),
    Case("pandas' index, quoted", '"",' + HEADER + "0," + GOOD, RefusedFile("which is the index of a pandas table")),
    Case("pandas' index, read again", "Unnamed: 0," + HEADER, RefusedFile("a column named 'Unnamed: 0' (line 1)")),
    Case("blank lines at the end", HEADER + LINES + "\n\n\n", Landed(GOOD_ROWS)),
    Case("blank lines inside", HEADER + "\n" + LINES + "\n\n" + GOOD, Landed(GOOD_ROWS + 1)),
    Case("blank lines with CRLF", (HEADER + "\n" + LINES + "\n").replace("\n", "\r\n"), Landed(GOOD_ROWS)),
    Case("blank lines and a refused one", HEADER + "\n" + GOOD + "bad\n\n", Landed(1, refused=(4,))),
    Case("nothing but blank lines", HEADER + "\n\n\n", Landed(0)),
    Case("reordered columns", "listen_time,user_id,track_id\n2024-06-25 10:00:00,u1,t1\n", Landed(1)),
    Case("quoted names of columns", '"user_id","track_id","listen_time"\n' + GOOD, Landed(1)),
    Case("an open quote in the header", '"user_id,track_id,listen_time\n' + GOOD, RefusedFile("header that is no CSV")),
    Case("Latin-1 in the header", b"usu\xe1rio,track_id,listen_time\n", RefusedFile("is no UTF-8 text")),
    Case("NUL in the header", b"user_id\0,track_id,listen_time\n", RefusedFile("is no UTF-8 text")),
    Case("a header of 70 KB", "x" * 70_000 + "\n", RefusedFile("a first line of more than 64 KB")),
    Case("BOM", b"\xef\xbb\xbf" + (HEADER + GOOD).encode(), Landed(1)),
    Case("CRLF", (HEADER + LINES).replace("\n", "\r\n"), Landed(GOOD_ROWS)),
    Case("mixed line ends", HEADER.replace("\n", "\r\n") + LINES + GOOD.replace("\n", "\r\n"), Landed(GOOD_ROWS + 1)),
    Case("bare carriage returns", (HEADER + GOOD).replace("\n", "\r"), RefusedFile("a bare carriage return")),
    Case("no final newline", HEADER + GOOD.strip(), Landed(1)),
    Case("UTF-16", (HEADER + GOOD).encode("utf-16"), RefusedFile("is no UTF-8 text")),
    Case("UTF-16 without a BOM", (HEADER + GOOD).encode("utf-16-le"), RefusedFile("is no UTF-8 text")),
    Case("gzip under .csv", gzip.compress((HEADER + GOOD).encode(), mtime=0), RefusedFile("is no UTF-8 text")),
    Case("a zip archive", b"PK\x03\x04\x14\x00" + bytes(30) + b"streams.csv", RefusedFile("is no UTF-8 text")),
    Case("Parquet", b"PAR1\x15\x04\x15\x00\x00\n", RefusedFile("is no UTF-8 text")),
    Case("semicolons", (HEADER + GOOD).replace(",", ";"), RefusedFile("has the column 'user_id;track_id;listen_time'")),
    Case("tabs", (HEADER + GOOD).replace(",", "\t"), RefusedFile("has the column")),
    Case("pipes", (HEADER + GOOD).replace(",", "|"), RefusedFile("has the column")),
    Case("JSON lines", '{"user_id": "u1", "track_id": "t1"}\n', RefusedFile("header")),
    Case("an error page", "<!DOCTYPE html>\n<html></html>\n", RefusedFile("has the column '<!DOCTYPE html>'")),
    Case(
        "a quote that is never closed takes 20 lines along",
        HEADER + '"' + LINES,
        RefusedFile("20 of 20 lines can't be loaded, more than 1 %", refused=GOOD_ROWS),
    ),
    Case(
        "a quote that the fourth line closes",
        HEADER + LINES + '"u,t,x\n' + GOOD * 2 + 'u"x,t\n' + GOOD,
        Landed(GOOD_ROWS + 1, refused=(22, 23, 24, 25)),
    ),
    Case("wrong number of fields everywhere", HEADER + "u1,t1\n" * 12, RefusedFile("12 of 12 lines", refused=12)),
]

REFUSED_LINES = [
    refused_line("too few fields", "u1,t1", "Delimiter not found"),
    refused_line("too many fields", "u1,t1,2024-06-25 10:00:00,more", "Extra column(s) found"),
    refused_line("decimal comma in a fraction", "u1,t1,2024-06-25 10:00:00,5", "Extra column(s) found"),
    refused_line("a field of 70 KB", f"{'u' * 70_000},t1,2024-06-25 10:00:00", "String length exceeds DDL length"),
    refused_line("a field of 257 bytes", f"{'u' * 257},t1,2024-06-25 10:00:00", "String length exceeds DDL length"),
    refused_line("86 characters of 3 bytes", f"{'語' * 86},t1,2024-06-25 10:00:00", "String length exceeds DDL length"),
    refused_line("Latin-1 bytes", b"Jos\xe9,t1,2024-06-25 10:00:00", "invalid or unsupported UTF8"),
    refused_line("half an emoji", b"u\xf0\x9f,t1,2024-06-25 10:00:00", "invalid or unsupported UTF8"),
    refused_line("a NUL byte", b"u\x001,t1,2024-06-25 10:00:00", ""),
    refused_line("quotes inside a plain field", 'u"1",t1,2024-06-25 10:00:00', "quote"),
]

ROWS = [
    row("a field of 256 bytes", f"{'u' * 256},t1,2024-06-25 10:00:00"),
    row("85 characters of 3 bytes", f"{'語' * 85},t1,2024-06-25 10:00:00"),
    row("emoji", "🎧,t1,2024-06-25 10:00:00"),
    row("right-to-left and combining marks", "م\u0301,t1,2024-06-25 10:00:00"),
    row("blanks around every field", " u1 , t1 , 2024-06-25 10:00:00 "),
    row("doubled quotes", '"u""1","t1","2024-06-25 10:00:00"'),
    row("a comma in quotes", '"u,1",t1,2024-06-25 10:00:00'),
    row("a newline in quotes", '"u\n1",t1,2024-06-25 10:00:00'),
    row("a backslash", "u\\1,t1,2024-06-25 10:00:00"),
    row("NULL as text is an id", "NULL,t1,2024-06-25 10:00:00"),
    row("null in lower case is an id", "null,None,2024-06-25 10:00:00"),
    row("a no-break space is an id", "\u00a0,t1,2024-06-25 10:00:00"),
    row("SQL is an id", "'); drop table landing.streams; --,t1,2024-06-25 10:00:00"),
    row("Jinja is an id", "{{ 7 * 7 }},{% raw %},2024-06-25 10:00:00"),
    row("a blank user_id", "   ,t1,2024-06-25 10:00:00", "missing user_id"),
    row("an empty user_id", ",t1,2024-06-25 10:00:00", "missing user_id"),
    row("a quoted empty user_id", '"",t1,2024-06-25 10:00:00', "missing user_id"),
    row("a blank track_id", "u1,  ,2024-06-25 10:00:00", "missing track_id"),
    row("COPY's own null is an id", "u1,\\N,2024-06-25 10:00:00"),
    row("COPY's own null in quotes is an id", '"\\N",t1,2024-06-25 10:00:00'),
    row("an empty time", "u1,t1,", "missing listen_time"),
    row("a blank time", "u1,t1,   ", "missing listen_time"),
    row("nothing at all", ",,", "missing user_id"),
]

TIMES = [
    time("ISO T", "2024-06-25T10:00:00"),
    time("lower-case t", "2024-06-25t10:00:00", MALFORMED),
    time("six decimals", "2024-06-25 10:00:00.123456"),
    time("seven decimals", "2024-06-25 10:00:00.1234567", MALFORMED),
    time("a point and no decimals", "2024-06-25 10:00:00.", MALFORMED),
    time("Z", "2024-06-25T10:00:00Z"),
    time("an offset", "2024-06-25 10:00:00+02:00"),
    time("an offset without a colon", "2024-06-25T23:30:00-0230"),
    time("an offset of hours", "2024-06-25T23:30:00+14"),
    time("decimals and an offset", "2024-06-25T23:30:00.123456+14:59"),
    time("an offset of 15 hours", "2024-06-25T23:30:00+15:00", MALFORMED),
    time("an offset of 60 minutes", "2024-06-25T23:30:00+01:60", MALFORMED),
    time("a blank before an offset", "2024-06-25 10:00:00 +02:00", MALFORMED),
    time("lower-case z", "2024-06-25T10:00:00z", MALFORMED),
    time("2000 in local time alone", "2000-01-01 01:00:00+02:00", EARLY),
    time("2000 in UTC alone", "1999-12-31 23:00:00-02:00"),
    time("29 February of another year, with Z", "2023-02-29T00:00:00Z", IMPOSSIBLE),
    time("a zone's name", "2024-06-25 10:00:00 UTC", MALFORMED),
    time("epoch seconds", "1719309600", MALFORMED),
    time("epoch milliseconds", "1719309600000", MALFORMED),
    time("a date alone", "2024-06-25", MALFORMED),
    time("no seconds", "2024-06-25 10:00", MALFORMED),
    time("twelve hours", "2024-06-25 10:00:00 PM", MALFORMED),
    time("slashes", "2024/06/25 10:00:00", MALFORMED),
    time("the day first", "25-06-2024 10:00:00", MALFORMED),
    time("a one-digit month", "2024-6-25 10:00:00", MALFORMED),
    time("two blanks", "2024-06-25  10:00:00", MALFORMED),
    time("hour 24", "2024-06-25 24:00:00", MALFORMED),
    time("a leap second", "2024-06-30 23:59:60", MALFORMED),
    time("Arabic digits", "٢٠٢٤-٠٦-٢٥ 10:00:00", MALFORMED),
    time("a word that databases know", "now", MALFORMED),
    time("infinity", "infinity", MALFORMED),
    time("29 February of a leap year", "2024-02-29 00:00:00"),
    time("29 February of another", "2023-02-29 00:00:00", IMPOSSIBLE),
    time("29 February 2100, no leap year", "2100-02-29 00:00:00", IMPOSSIBLE),
    time("31 April", "2024-04-31 10:00:00", IMPOSSIBLE),
    time("month 13", "2024-13-01 10:00:00", IMPOSSIBLE),
    time("day 0", "2024-06-00 10:00:00", IMPOSSIBLE),
    time("the year 0", "0000-01-01 00:00:00", IMPOSSIBLE),
    time("the year 1", "0001-01-01 00:00:00", EARLY),
    time("the last second of 1999", "1999-12-31 23:59:59", EARLY),
    time("the first second of 2000", "2000-01-01 00:00:00"),
    time("the year 9999", "9999-12-31 23:59:59", FUTURE),
    time("the year 10000", "10000-01-01 00:00:00", MALFORMED),
    time("a negative year", "-2024-06-25 10:00:00", MALFORMED),
    time("a newline after it", '"2024-06-25 10:00:00\n"', MALFORMED),
]

KEYS = [
    named("a single quote", "streams/it's.csv"),
    named("a double quote", 'streams/"quoted".csv'),
    named("spaces", "streams/june 25 .csv"),
    named("percent signs", "streams/100%25%s.csv"),
    named("a plus sign", "streams/a+b.csv"),
    named("unicode", "streams/juni/größe-語-🎧.csv"),
    named("SQL", "streams/'; drop table landing.streams; --.csv"),
    named("Jinja", "streams/{{ var('x') }}{% endraw %}.csv"),
    named("shell", "streams/$(touch pwned)`id`;&|.csv"),
    named("a backslash", "streams/a\\b.csv"),
    named("the longest key that S3 takes", "streams/" + "k" * 900 + ".csv"),
    named("beside the folder", "streams7.csv"),
    Case("key: a directory marker", "", Ignored(), "streams/"),
    Case("key: another ending", HEADER + GOOD, Ignored(), "streams/a.csv.bak"),
    named("an ending in capitals", "streams/A.CSV"),
    named("everything in capitals", "STREAMS1.CSV"),
    named("mixed case", "Streams/2024/x.Csv"),
    Case("key: a word before streams", HEADER + GOOD, Ignored(), "upstreams.csv"),
]


def packed(name: str, body: bytes, expected: Landed | RefusedFile, key: str = "streams/a.csv.gz") -> Case:
    return Case(f"gzip: {name}", body, expected, key)


def gz(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


_RANDOM = "".join(f"u{n * 7919 % 1_000_003},t{n * 104_729 % 999_983},2024-06-25 10:00:00\n" for n in range(40_000))

GZIP = [
    packed("one member", gz(HEADER + LINES), Landed(GOOD_ROWS)),
    packed("several members", gz(HEADER) + gz(LINES) + gz(GOOD), Landed(GOOD_ROWS + 1)),
    packed(
        "members that break a line",
        gz("user_") + gz("id,track_id,listen_time\nu1,t") + gz("1,2024-06-25 10:00:00\n"),
        Landed(1),
    ),
    packed("an empty member first", gz("") + gz(HEADER + GOOD), Landed(1)),
    packed("endings in capitals", gz(HEADER + GOOD), Landed(1), "STREAMS/x.csv.GZ"),
    packed("beside the folder", gz(HEADER + GOOD), Landed(1), "streams7.CSV.gz"),
    packed("header only", gz(HEADER), Landed(0)),
    packed(
        "BOM, blanks and CRLF", gz("\ufeffuser_id, track_id,listen_time\r\n" + GOOD.replace("\n", "\r\n")), Landed(1)
    ),
    packed("a refused line", gz(HEADER + LINES + "bad\n" + GOOD), Landed(GOOD_ROWS + 1, refused=(GOOD_ROWS + 2,))),
    packed(
        "a refused line in a second member",
        gz(HEADER + LINES) + gz("b\ud7a3d\n" + GOOD),
        Landed(GOOD_ROWS + 1, refused=(22,)),
    ),
    packed("nothing inside", gz(""), RefusedFile("is empty")),
    packed("an empty object", b"", RefusedFile("is empty")),
    packed("plain text under .gz", (HEADER + GOOD).encode(), RefusedFile("is no gzip file, as its name says it is")),
    packed("a zip archive", b"PK\x03\x04\x14\x00" + bytes(30), RefusedFile("is no gzip file")),
    packed("cut off in its header", gz(HEADER + GOOD)[:5], RefusedFile("breaks off")),
    packed("cut off", gz(HEADER + _RANDOM)[:-100_000], RefusedFile("is a gzip file that breaks off")),
    packed("cut off before its sum", gz(HEADER + GOOD)[:-4], RefusedFile("is a gzip file that breaks off")),
    packed(
        "corrupt inside",
        gz(HEADER + _RANDOM)[:200_000] + b"x" * 50 + gz(HEADER + _RANDOM)[200_050:],
        RefusedFile("is corrupt"),
    ),
    packed("a wrong sum", gz(HEADER + GOOD)[:-8] + bytes(8), RefusedFile("is corrupt inside")),
    packed("a missing column", gz("user_id,track_id\n"), RefusedFile("lacks the column 'listen_time' in its header")),
    packed("compressed twice", gzip.compress(gz(HEADER + GOOD)), RefusedFile("is no UTF-8 text")),
]

CASES = [*FILES, *GZIP, *REFUSED_LINES, *ROWS, *TIMES, *KEYS]
