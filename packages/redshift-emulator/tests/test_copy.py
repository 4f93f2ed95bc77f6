"""COPY: what it loads, what it refuses, and what it says about it afterwards."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import json
import re
from decimal import Decimal
from typing import Any

import pytest

from emulator_client import BUCKET, Client, Refused

TEXT_TABLE = "create table lines (a varchar(10), b varchar(4), loaded_at timestamp default sysdate)"
COPY_TEXT = "copy lines (a, b) from 's3://{bucket}/{key}' iam_role default format csv {options}"


@pytest.fixture
def put(s3, request):
    """Puts an object below a prefix of the test's own; returns its key."""
    prefix = re.sub(r"\W+", "_", request.node.name) + "/"

    def put_object(name: str, body: bytes | str) -> str:
        s3.put_object(Bucket=BUCKET, Key=prefix + name, Body=body)
        return prefix + name

    return put_object


@pytest.fixture
def load(run: Client, put):
    """Loads a text into the table `lines`."""
    run(TEXT_TABLE)

    def load_text(body: bytes | str, options: str = "") -> list[tuple[Any, ...]]:
        key = put("file.csv", body)
        run(COPY_TEXT.format(bucket=BUCKET, key=key, options=options))
        return run("select a, b from lines order by a, b")

    return load_text


def errors(run: Client) -> list[tuple[Any, ...]]:
    return run(
        "select line_number, trim(column_name), error_code, trim(error_message) from sys_load_error_detail"
        " where query_id = pg_last_copy_id() order by line_number"
    )


def test_a_file_with_a_header(load, run) -> None:
    assert load("a,b\nx,1\ny,2\n", "ignoreheader 1") == [("x", "1"), ("y", "2")]
    assert run("select pg_last_copy_count()") == [(2,)]
    assert run.value("select lines_scanned from sys_load_detail where query_id = pg_last_copy_id()") == 2
    assert run.value("select loaded_rows from sys_load_history where query_id = pg_last_copy_id()") == 2


def test_quotes_newlines_and_empty_fields(load) -> None:
    rows = load('"p,q","s"\n"a""b",\n"two\nlines",""\n,z\n')
    assert rows == [("", "z"), ('a"b', ""), ("p,q", "s"), ("two\nlines", "")]


def test_carriage_returns_and_a_last_line_without_an_end(load) -> None:
    assert load("x,1\r\ny,2") == [("x", "1"), ("y", "2")]


def test_null_as(load) -> None:
    assert load("\\N,1\nx,nil\n") == [("x", "nil"), (None, "1")]


def test_null_as_a_word_of_its_own(load) -> None:
    assert load("nil,1\n", "null as 'nil'") == [(None, "1")]


def test_each_line_that_cannot_be_taken_is_reported(load, run) -> None:
    lines = [b"a,b", b"fine,1", b"short", b"1,2,3", b"long-long-long,1", b"ok,\xe9", b"x,eeeee"]
    body = b"\n".join([*lines, "é".encode() * 7 + b",1", b'b"ad",1', b"last,1", b""])
    assert load(body, "ignoreheader 1 maxerror 100") == [("fine", "1"), ("last", "1")]
    assert errors(run) == [
        (3, "a", 1214, "Delimiter not found"),
        (4, "b", 1202, "Extra column(s) found"),
        (5, "a", 1204, "String length exceeds DDL length"),
        (6, "b", 1220, "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: e9 (error 4)"),
        (7, "b", 1204, "String length exceeds DDL length"),
        (8, "a", 1204, "String length exceeds DDL length"),
        (9, "", 1216, "Invalid quote formatting for CSV. Unescaped Quotes"),
    ]
    assert run.value("select lines_scanned from sys_load_detail where query_id = pg_last_copy_id()") == 9


def test_a_column_counts_bytes(load, run) -> None:
    assert load("é,éé\n", "maxerror 5") == [("é", "éé")]
    assert load("é,ééé\n", "maxerror 5") == [("é", "éé")]
    assert [code for _, _, code, _ in errors(run)] == [1204]


def test_too_many_errors_fail_the_load_and_stay_readable(run, put, connect) -> None:
    session = connect(autocommit=False)
    session(f"set search_path to {run.value('select current_schema()')}")
    session(TEXT_TABLE)
    session.connection.commit()
    key = put("file.csv", "x,1\nbad\ny,2\nworse\n")
    with pytest.raises(Refused) as caught:
        session(COPY_TEXT.format(bucket=BUCKET, key=key, options="maxerror 2"))
    assert caught.value.text == (
        "Load into table 'lines' failed.  Check 'sys_load_error_detail' system table for details."
    )
    with pytest.raises(Refused, match="aborted"):
        session("select 1")
    session.connection.rollback()
    assert session("select count(*) from lines") == [(0,)]
    assert session("select pg_last_copy_count()") == [(0,)]
    assert [line for line, *_ in errors(session)] == [2, 4]
    session.connection.rollback()
    assert [line for line, *_ in errors(session)] == [2, 4]


def test_one_error_is_too_many_by_default(load, run) -> None:
    with pytest.raises(Refused, match="sys_load_error_detail"):
        load("x,1\nbad\n")
    assert run("select count(*) from lines") == [(0,)]


def test_a_syntax_error_keeps_the_last_copy(load, run) -> None:
    load("x,1\n")
    before = run("select pg_last_copy_id(), pg_last_copy_count()")
    with pytest.raises(Refused, match='syntax error at or near "nonsense"'):
        run(f"copy lines from 's3://{BUCKET}/x' iam_role default nonsense")
    assert run("select pg_last_copy_id(), pg_last_copy_count()") == before


def test_manifest(run, put, s3) -> None:
    run(TEXT_TABLE)
    files = [put("one.csv", "a,b\nx,1\n"), put("two.csv", "a,b\ny,2\n")]
    entries = [{"url": f"s3://{BUCKET}/{key}", "mandatory": True} for key in files]
    entries.append({"url": f"s3://{BUCKET}/absent.csv", "mandatory": False})
    key = put("manifest.json", json.dumps({"entries": entries}))
    run(COPY_TEXT.format(bucket=BUCKET, key=key, options="manifest ignoreheader 1"))
    assert run("select a, b from lines order by a") == [("x", "1"), ("y", "2")]
    detail = "select file_name, lines_scanned, file_etag, bytes_scanned from sys_load_detail"
    detail += " where query_id = pg_last_copy_id()"
    assert sorted(run(detail)) == [
        (f"s3://{BUCKET}/{key}", 1, s3.head_object(Bucket=BUCKET, Key=key)["ETag"].strip('"'), 8) for key in files
    ]
    entries[2]["mandatory"] = True
    put("manifest.json", json.dumps({"entries": entries}))
    with pytest.raises(Refused, match=r"The specified key does not exist\.,Status 404,Error NoSuchKey"):
        run(COPY_TEXT.format(bucket=BUCKET, key=key, options="manifest"))
    with pytest.raises(Refused, match="Problem reading manifest file"):
        run(COPY_TEXT.format(bucket=BUCKET, key=key + "x", options="manifest"))


def test_a_key_is_a_prefix(run, put) -> None:
    run(TEXT_TABLE)
    put("x.csv.bak", "old,1\n")
    key = put("x.csv", "new,1\n")
    run(COPY_TEXT.format(bucket=BUCKET, key=key, options=""))
    assert run("select a from lines order by a") == [("new",), ("old",)]
    with pytest.raises(Refused, match="The specified S3 prefix 'nothing/' does not exist"):
        run(f"copy lines from 's3://{BUCKET}/nothing/' iam_role default csv")


@pytest.mark.parametrize(("option", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_compressed(load, option, pack) -> None:
    assert load(pack(b"x,1\n") + pack(b"y,2\n"), option) == [("x", "1"), ("y", "2")]


@pytest.mark.parametrize(
    ("options", "body", "expected"),
    [
        ("acceptinvchars as '^'", b"a\xe9c,1\n", [("a^c", "1")]),
        ("blanksasnull emptyasnull", "  ,\n", [(None, None)]),
        ("trimblanks", "a  ,b \n", [("a", "b")]),
        ("truncatecolumns", "x,abcdef\n", [("x", "abcd")]),
        ("fillrecord", "x\n", [("x", None)]),
        ("ignoreblanklines", "x,1\n\ny,2\n", [("x", "1"), ("y", "2")]),
        ("ignoreallerrors", "x,1\nbad\n", [("x", "1")]),
        ("quote as '%'", "%x,y%,1\n", [("x,y", "1")]),
        ("delimiter ';'", "x;1\n", [("x", "1")]),
        ("encoding utf16le", "x,1\ny,2\n".encode("utf-16-le"), [("x", "1"), ("y", "2")]),
        ("encoding utf16le", "\ufeffx,é\n".encode("utf-16-le"), [("x", "é")]),
        ("encoding as 'utf16be'", "x,é\n".encode("utf-16-be"), [("x", "é")]),
        ("encoding utf16", "x,é\n".encode("utf-16"), [("x", "é")]),
        ("encoding iso88591", b"x,\xe9\n", [("x", "é")]),
        ("noload", "x,1\n", []),
        ("compupdate off statupdate on region 'eu-west-1'", "x,1\n", [("x", "1")]),
    ],
)
def test_option(load, options, body, expected) -> None:
    assert load(body, options) == expected


def test_an_encoding_that_redshift_lacks_is_refused(load) -> None:
    with pytest.raises(
        Refused, match="ENCODING CP1252 is not one of UTF8, UTF16, UTF16LE, UTF16BE, ISO88591"
    ) as caught:
        load("x,1\n", "encoding 'cp1252'")
    assert caught.value.code == "22023"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("utf16le", b"x\x00,\x001\x00\n\x00\x00\xd8\n\x00"),  # half of a surrogate pair
        ("utf16be", b"\x00x\x00,\x001\x00\n\x00"),  # ends within a character
        ("utf16", "x,1\n".encode("utf-16-le")),  # has no byte order mark
    ],
)
def test_a_file_in_another_encoding_is_skipped(load, put, run, encoding, body) -> None:
    with pytest.raises(Refused, match=r"Load into table 'lines' failed\..*sys_load_error_detail"):
        load(body, f"encoding {encoding}")
    message = f"Encoding of the file is not the same as that specified in the COPY command: {encoding.upper()}"
    assert errors(run) == [(0, "", 1221, message)]
    put("file.csv.next", "y,2\n".encode("utf-16" if encoding == "utf16" else f"utf-16-{encoding[-2:]}"))
    assert load(body, f"encoding {encoding} maxerror 2") == [("y", "2")]


def test_a_record_of_several_lines_among_errors(load, run) -> None:
    assert load('a,1\n"b\nc""",2\r\nshort\n"d\n', "maxerror 9") == [("a", "1"), ('b\nc"', "2")]
    assert [(line, code) for line, _, code, _ in errors(run)] == [(4, 1214), (5, 1216)]


def test_types_are_checked(run, put) -> None:
    run("create table typed (i int not null, f float8, n decimal(5,2), d date, t timestamp, o boolean, v varchar(5))")
    key = put("typed.csv", "1,2.5,1.239,2024-02-29,2024-02-29 01:02:03,true,\n2,,,,,,x\n")
    run(f"copy typed from 's3://{BUCKET}/{key}' iam_role default csv")
    moment = dt.datetime(2024, 2, 29, 1, 2, 3)
    assert run("select * from typed order by i") == [
        (1, 2.5, Decimal("1.23"), dt.date(2024, 2, 29), moment, True, ""),
        (2, None, None, None, None, None, "x"),
    ]
    lines = [
        "x,,,,,,",
        ",,,,,,",
        "1,y,,,,,",
        "1,,z,,,,",
        "1,,,01/02/2024,,,",
        "1,,,,noon,,",
        "1,,,,,perhaps,",
        "99999999999,,,,,,",
    ]
    put("typed.csv", "\n".join(lines))
    run(f"copy typed from 's3://{BUCKET}/{key}' iam_role default csv maxerror 50")
    assert [(line, column, code) for line, column, code, _ in errors(run)] == [
        (1, "i", 1207),
        (2, "i", 1213),
        (3, "f", 1208),
        (4, "n", 1207),
        (5, "d", 1205),
        (6, "t", 1206),
        (7, "o", 1210),
        (8, "i", 1222),
    ]
    assert errors(run)[0][3] == "Invalid digit, Value 'x', Pos 0, Type: Integer"


def test_formats_of_times(run, put) -> None:
    run("create table times (d date, t timestamp)")
    key = put("times.csv", "31.01.2024,1700000000\n")
    run(f"copy times from 's3://{BUCKET}/{key}' iam_role default csv dateformat 'DD.MM.YYYY' timeformat 'epochsecs'")
    assert run("select * from times") == [(dt.date(2024, 1, 31), dt.datetime(2023, 11, 14, 22, 13, 20))]


def test_rounding_and_explicit_identity(run, put) -> None:
    run("create table ids (id bigint generated by default as identity(1,1), n decimal(5,1))")
    key = put("ids.csv", "7,1.25\n")
    run(f"copy ids from 's3://{BUCKET}/{key}' iam_role default csv roundec explicit_ids")
    assert run("select * from ids") == [(7, Decimal("1.3"))]


@pytest.mark.parametrize("option", ["parquet", "json 'auto'", "fixedwidth '1'", "escape", "zstd"])
def test_what_is_not_there_is_named(load, option) -> None:
    with pytest.raises(Refused, match=r"the emulator does not have COPY \.\.\. "):
        load("x,1\n", option)


def test_the_target_has_to_fit(run) -> None:
    run(TEXT_TABLE)
    with pytest.raises(Refused, match="Cannot COPY into nonexistent table nothing"):
        run(f"copy nothing from 's3://{BUCKET}/x' iam_role default csv")
    with pytest.raises(Refused, match='column "c" of relation "lines" does not exist'):
        run(f"copy lines (c) from 's3://{BUCKET}/x' iam_role default csv")
    with pytest.raises(Refused, match="authorization"):
        run(f"copy lines from 's3://{BUCKET}/x' csv")


def test_an_s3_that_is_away_is_reported(run, redshift, monkeypatch) -> None:
    run(TEXT_TABLE)
    monkeypatch.setattr(redshift.loader, "s3", None)
    with pytest.raises(Refused, match="the emulator fails"):
        run(f"copy lines from 's3://{BUCKET}/x' iam_role default csv")
    assert run("select 1") == [(1,)]


def test_a_line_that_no_row_can_hold_is_refused(load, run) -> None:
    assert load(f"x,1\nbad\n{'y' * 30_000_000}\nz,2\n", "maxerror 5") == [("x", "1"), ("z", "2")]
    assert [(line, code) for line, _, code, _ in errors(run)] == [(2, 1214), (3, 1204)]
