from collections.abc import Callable
from typing import Any

import pytest

from local.environment import ARTIFACT_BUCKET, RAW_BUCKET
from local.stack import Stack


def restart(stack: Stack) -> Any:
    stack.down()
    stack.up()
    return stack.s3_client


@pytest.fixture
def stopped_and_started(make_stack: Callable[..., Stack]) -> Stack:
    stack = make_stack()
    stack.up()
    return stack


def test_objects_outlive_the_server(stopped_and_started: Stack) -> None:
    s3 = stopped_and_started.s3_client
    s3.put_object(
        Bucket=ARTIFACT_BUCKET, Key="docs/index.html", Body=b"<p>", ContentType="text/html", Metadata={"a": "b"}
    )
    s3.put_object(Bucket=RAW_BUCKET, Key="deleted.csv", Body=b"1")
    s3.put_object(Bucket=RAW_BUCKET, Key="deleted too.csv", Body=b"1")
    s3.put_object(Bucket=RAW_BUCKET, Key="k" * 1000, Body=b"long")
    s3.put_object(Bucket=RAW_BUCKET, Key="songs.csv", Body=b"old")
    s3.put_object(Bucket=RAW_BUCKET, Key="songs.csv", Body=b"new")
    s3.copy_object(Bucket=RAW_BUCKET, Key="copy.csv", CopySource=f"{RAW_BUCKET}/songs.csv")
    s3.create_bucket(Bucket="one-more")
    upload = s3.create_multipart_upload(Bucket=RAW_BUCKET, Key="parts.csv")["UploadId"]
    parts = []
    for number, body in enumerate((b"a" * 5 * 2**20, b"b"), start=1):
        part = {"Bucket": RAW_BUCKET, "Key": "parts.csv", "UploadId": upload, "PartNumber": number}
        parts.append({"PartNumber": number, "ETag": s3.upload_part(**part, Body=body)["ETag"]})
    s3.complete_multipart_upload(Bucket=RAW_BUCKET, Key="parts.csv", UploadId=upload, MultipartUpload={"Parts": parts})
    s3.delete_object(Bucket=RAW_BUCKET, Key="deleted.csv")
    s3.delete_objects(Bucket=RAW_BUCKET, Delete={"Objects": [{"Key": "deleted too.csv"}]})

    def listing(client: Any) -> dict[str, tuple[str, int]]:
        found = client.list_objects_v2(Bucket=RAW_BUCKET)["Contents"]
        return {item["Key"]: (item["ETag"], item["Size"]) for item in found}

    before = listing(s3)
    assert set(before) == {"k" * 1000, "songs.csv", "copy.csv", "parts.csv"}
    assert before["parts.csv"][0].endswith('-2"')

    s3 = restart(stopped_and_started)

    assert listing(s3) == before
    assert s3.get_object(Bucket=RAW_BUCKET, Key="songs.csv")["Body"].read() == b"new"
    assert s3.get_object(Bucket=RAW_BUCKET, Key="copy.csv")["Body"].read() == b"new"
    page = s3.head_object(Bucket=ARTIFACT_BUCKET, Key="docs/index.html")
    assert (page["ContentType"], page["Metadata"]) == ("text/html", {"a": "b"})
    assert "one-more" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_a_deleted_bucket_stays_deleted(stopped_and_started: Stack) -> None:
    s3 = stopped_and_started.s3_client
    s3.create_bucket(Bucket="short-lived")
    s3.delete_bucket(Bucket="short-lived")

    s3 = restart(stopped_and_started)

    assert "short-lived" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_a_listing_is_in_order_page_by_page_and_knows_the_last_write(stack: Stack) -> None:
    s3, bucket = stack.s3_client, "listings"
    s3.create_bucket(Bucket=bucket)
    names = ["a/1", "a/2", "a/10", "a/é", "a0", "b/1", "a/\U0001f3b5"]

    def listed(**options: Any) -> list[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}, **options)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    assert listed() == sorted(names)
    assert listed(Prefix="a/") == ["a/1", "a/10", "a/2", "a/é", "a/\U0001f3b5"]
    assert listed(Prefix="a/", StartAfter="a/10") == ["a/2", "a/é", "a/\U0001f3b5"]
    assert listed(Prefix="a/", StartAfter="a/11") == ["a/2", "a/é", "a/\U0001f3b5"]
    s3.delete_object(Bucket=bucket, Key="a/2")
    s3.put_object(Bucket=bucket, Key="a/3", Body=b"")
    assert listed(Prefix="a/") == ["a/1", "a/10", "a/3", "a/é", "a/\U0001f3b5"]
    assert listed(Prefix="c") == []
    folders = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [folder["Prefix"] for folder in folders["CommonPrefixes"]] == ["a/", "b/"]
