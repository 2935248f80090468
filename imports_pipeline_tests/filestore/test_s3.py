"""The store on S3: what S3 alone has. Signed URLs over HTTP, pages, versions, and faults as sentences."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from imports_pipeline.filestore import s3 as s3_module
from imports_pipeline.filestore.opening import open_store
from imports_pipeline.filestore.s3 import S3Store
from imports_pipeline.filestore.signed_urls import InvalidToken
from imports_pipeline.filestore.stores import (
    FileReplaced,
    NoSuchBucket,
    StoreDenied,
    StoreError,
    StoreUnreachable,
)
from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.settings import Settings
from imports_pipeline.sources import fetching
from imports_pipeline_tests.filestore.stored import MIB, content, keys, leftovers, put
from imports_pipeline_tests.object_store import BUCKET, ObjectStore

_LIMIT_SECONDS = 30.0


def http(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, method=method, data=body)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read(), dict(response.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), {}


# --- signed URLs


def test_a_signed_url_downloads(s3: S3Store) -> None:
    put(s3, "imports/a/errors.csv", b"_line\n2\n")
    url = s3.signed_download("imports/a/errors.csv", 60, file_name='März; "x".csv')
    status, body, headers = http(url)
    assert (status, body) == (200, b"_line\n2\n")
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''M%C3%A4rz%3B%20%22x%22.csv"
    query = parse_qs(urlsplit(url).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"], "AWS refuses SigV2"
    assert query["X-Amz-Expires"] == ["60"]
    assert "admin-secret" not in url


def test_a_signed_url_uploads(s3: S3Store) -> None:
    assert http(s3.signed_upload("in/a", 60, limit=10), "PUT", b"name\nAnn\n")[0] == 200
    assert content(s3, "in/a") == b"name\nAnn\n"


def test_a_signed_url_allows_nothing_else(s3: S3Store) -> None:
    put(s3, "a", b"one")
    put(s3, "b", b"two")
    download, upload = s3.signed_download("a", 60), s3.signed_upload("a", 60, limit=10)
    for url, method in ((download, "PUT"), (download, "DELETE"), (upload, "GET"), (upload, "DELETE")):
        assert http(url, method, b"x" if method == "PUT" else None)[0] == 403, method
    other = s3.uri("b").removeprefix("s3:/")
    for url, method in ((download, "GET"), (upload, "PUT")):
        tampered = url.replace(urlsplit(url).path, other)
        assert tampered != url
        assert http(tampered, method, b"x" if method == "PUT" else None)[0] == 403
        assert http(url.replace("Expires=60", "Expires=600"), method)[0] == 403
    assert (content(s3, "a"), content(s3, "b")) == (b"one", b"two")


def test_an_upload_of_a_known_size_is_of_that_size(s3: S3Store) -> None:
    url = s3.signed_upload("a", 60, limit=10, size=5)
    for body in (b"123456", b"1234", b"1" * MIB):
        assert http(url, "PUT", body)[0] == 403
    assert not s3.exists("a")
    assert http(url, "PUT", b"12345")[0] == 200
    for limit, size in ((10, 11), (10, -1), (-1, None)):
        with pytest.raises(ValueError, match="takes 0 to"):
            s3.signed_upload("a", 60, limit=limit, size=size)


def test_a_signed_url_expires(s3: S3Store) -> None:
    put(s3, "a")
    urls = (s3.signed_download("a", 1), "GET"), (s3.signed_upload("a", 1, limit=1), "PUT")
    end = time.monotonic() + _LIMIT_SECONDS
    for url, method in urls:
        while http(url, method, b"y" if method == "PUT" else None)[0] != 403:
            assert time.monotonic() < end, "it never expired"
            time.sleep(0.2)
    for seconds in (0, -1, 7 * 24 * 3600 + 1):
        with pytest.raises(ValueError, match="valid for"):
            s3.signed_download("a", seconds)


def test_tokens_are_not_of_this_store(s3: S3Store) -> None:
    with pytest.raises(InvalidToken, match="S3"):
        s3.verify("anything", "GET")


# --- listing, reading, moving


def test_a_listing_is_read_page_by_page(s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"in/{number:03}" for number in range(7)]
    for name in names:
        put(s3, name)
    monkeypatch.setattr(s3_module, "_PAGE", 2)
    calls: list[str] = []
    whole = S3Store._call
    monkeypatch.setattr(
        S3Store, "_call", lambda *given, **more: calls.append(given[1]) or whole(*given, **more)
    )
    assert [file.key for file in islice(s3.list("in"), 3)] == names[:3]
    assert len(calls) == 2, "parts that nobody reads are not requested"
    assert keys(s3, "in") == names
    assert keys(s3, "in", after=names[2]) == names[3:]


def test_what_other_programs_keep_in_a_bucket_is_no_file(s3: S3Store, object_server: ObjectStore) -> None:
    client = object_server.client()
    prefix = s3.uri("x").removeprefix(f"s3://{BUCKET}/").removesuffix("x")
    for key in ("folder/", "folder/sub/", "folder/a.csv"):
        client.call_s3("put_object", Bucket=BUCKET, Key=prefix + key, Body=b"")
    assert keys(s3) == ["folder/a.csv"]
    assert not s3.exists("folder")
    s3.delete_folder("folder")
    assert "Contents" not in client.call_s3("list_objects_v2", Bucket=BUCKET, Prefix=prefix)


def test_a_reader_sees_one_version(s3: S3Store) -> None:
    put(s3, "a", b"1" * 9 * MIB)
    with s3.open_read("a") as file:
        assert file.read(10) == b"1" * 10
        put(s3, "a", b"2" * 9 * MIB)
        with pytest.raises(FileReplaced, match="try again"):
            file.read()


def test_a_large_file_is_moved_in_parts(s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_module, "_COPY_AT_ONCE", 5 * MIB)
    monkeypatch.setattr(s3_module, "_COPY_PART", 5 * MIB)
    put(s3, "a", data := os.urandom(12 * MIB))
    s3.move("a", "b")
    assert (keys(s3), leftovers(s3)) == (["b"], [])
    assert content(s3, "b") == data


def test_what_replaces_a_file_while_it_is_moved_stays(s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(s3, "in/a", b"one")
    whole = S3Store._copy

    def copy(store: S3Store, *given: object) -> None:
        whole(store, *given)
        put(store, "in/a", b"two")

    monkeypatch.setattr(S3Store, "_copy", copy)
    s3.move("in/a", "done/a")
    assert (content(s3, "done/a"), content(s3, "in/a")) == (b"one", b"two")


def test_a_forked_process_has_a_client_of_its_own(s3: S3Store) -> None:
    put(s3, "a", b"one")
    if (child := os.fork()) == 0:
        # No exception, nor what pytest does at the end, may pass from here.
        code = 2
        try:
            code = 0 if content(s3, "a") == b"one" else 1
        finally:
            os._exit(code)
    end = time.monotonic() + _LIMIT_SECONDS
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, 9)
        time.sleep(0.02)
    assert os.waitstatus_to_exitcode(ended[1]) == 0
    assert content(s3, "a") == b"one"


# --- faults


def test_where_the_store_is(bucket_url: str, tmp_path: Path) -> None:
    store = open_store(Settings(home=tmp_path, store_url=bucket_url))
    assert isinstance(store, S3Store)
    assert store.uri("a/b") == store.location("a/b") == store.url("a/b") == f"{bucket_url}/a/b"
    assert repr(store) == f"S3Store({bucket_url}/)"
    assert S3Store("s3://bucket").uri("a") == "s3://bucket/a"
    store.check()


SET_UP = {
    "a wrong secret": ({"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, StoreDenied, "AWS_SECRET_ACCESS_KEY"),
    "an unknown key": ({"AWS_ACCESS_KEY_ID": "nobody"}, StoreDenied, "AWS_ACCESS_KEY_ID"),
    "half of the credentials": ({"AWS_SECRET_ACCESS_KEY": ""}, StoreDenied, "AWS_SECRET_ACCESS_KEY"),
    "no URL": ({"AWS_ENDPOINT_URL": "nothing"}, StoreError, "AWS_ENDPOINT_URL is http"),
    "no region": ({"AWS_REGION": "no region!"}, StoreError, "AWS_REGION"),
}


@pytest.mark.parametrize("case", SET_UP)
def test_a_store_that_is_set_up_wrongly_says_what_to_do(
    s3: S3Store, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    variables, kind, sentence = SET_UP[case]
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(kind, match=sentence) as caught:
        s3.check()
    assert len(str(caught.value).splitlines()) == 1
    assert "wrong-secret" not in f"{caught.value!r} {caught.value.__cause__!r} {s3!r}"


def test_a_bucket_that_is_not_there(bucket_url: str) -> None:
    store = S3Store("s3://no-such-bucket/x")
    for use in (store.check, lambda: put(store, "a"), lambda: keys(store), lambda: store.delete_folder("a")):
        with pytest.raises(NoSuchBucket, match="has no bucket no-such-bucket; create it"):
            use()
    with pytest.raises(NoSuchBucket, match="valid bucket name"):
        S3Store("s3://Not_A_Name!").check()


def test_a_user_who_may_only_read(
    s3: S3Store, object_server: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, "a", b"one")
    for name, value in object_server.reader.items():
        monkeypatch.setenv(name, value)
    assert (content(s3, "a"), keys(s3)) == (b"one", ["a"])
    for use in (lambda: put(s3, "a"), lambda: put(s3, "a", b"x" * 9 * MIB), lambda: s3.move("a", "b")):
        with pytest.raises(StoreDenied, match=r"refuses \w+ on s3://imports/.*docs/reference/files.md"):
            use()
    with pytest.raises(StoreDenied, match="refuses DeleteObject"):
        s3.delete("a")
    assert content(s3, "a") == b"one"


def source(uri: str) -> bytes:
    with fetching.open_source(uri) as file:
        return file.read()


def test_sources(s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(s3, "in/a.csv", b"name\nAnn\n")
    assert source(s3.uri("in/a.csv")) == b"name\nAnn\n"
    cases = {
        s3.uri("in/b.csv"): "source_not_found",
        s3.uri("in"): "source_not_found",
        f"{s3.uri('in')}/": "source_not_readable",
        f"s3://{BUCKET}": "source_not_found",
        "s3://no-such-bucket/a": "source_not_found",
        "s3://No_Bucket!/a": "source_not_found",
    }
    for uri, code in cases.items():
        with pytest.raises(PermanentFailure) as caught:
            source(uri)
        assert (caught.value.code, len(caught.value.reason.splitlines())) == (code, 1), uri
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    with pytest.raises(PermanentFailure, match="check") as caught:
        source(s3.uri("in/a.csv"))
    assert caught.value.code == "source_not_readable"
    assert "wrong-secret" not in caught.value.reason


def test_a_server_that_does_not_answer_is_no_fault_of_the_data(
    s3: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:wrong-secret@127.0.0.1:9")
    with pytest.raises(StoreUnreachable, match=r"S3 at 127\.0\.0\.1:9 does not answer") as caught:
        source(s3.uri("in/a.csv"))
    assert "wrong-secret" not in repr(caught.value)
