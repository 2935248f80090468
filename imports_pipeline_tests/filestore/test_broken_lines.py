"""Connections to S3 that break: tried again without a person noticing, and in the end a fault of the machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from imports_pipeline.filestore.s3 import S3Store
from imports_pipeline.filestore.stores import StoreUnreachable
from imports_pipeline_tests.filestore.cutting import Line, line
from imports_pipeline_tests.filestore.stored import MIB, content, keys, leftovers, put
from imports_pipeline_tests.object_store import ObjectStore

DATA = os.urandom(9 * MIB)


@pytest.fixture
def cut(object_server: ObjectStore, s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Yield the line that the store's requests now take."""
    with line(object_server.endpoint) as given:
        monkeypatch.setenv("AWS_ENDPOINT_URL", given.url)
        yield given


def test_a_download_goes_on(s3: S3Store, cut: Line) -> None:
    put(s3, "a", DATA)
    cut.cuts = 2
    assert content(s3, "a") == DATA
    assert cut.broken == 2


def test_an_upload_goes_on(s3: S3Store, cut: Line) -> None:
    cut.cuts = 2
    put(s3, "a", DATA)
    assert cut.broken == 2
    assert content(s3, "a") == DATA
    assert leftovers(s3) == []


def test_a_line_that_stays_broken_is_a_fault_of_the_machine(s3: S3Store, cut: Line) -> None:
    put(s3, "a", DATA)
    cut.cuts = 1000
    with pytest.raises(StoreUnreachable, match="does not answer"):
        content(s3, "a")
    with pytest.raises(StoreUnreachable, match="does not answer"):
        put(s3, "b", DATA)
    cut.cuts = 0
    assert (keys(s3), content(s3, "a"), leftovers(s3)) == (["a"], DATA, [])


class _Busy(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_server_that_serves_nothing_now_is_one_that_does_not_answer(
    object_server: ObjectStore, s3: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HTTPServer(("127.0.0.1", 0), _Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        try:
            with pytest.raises(StoreUnreachable, match="cannot serve requests now"):
                s3.stat("a")
        finally:
            server.shutdown()
            thread.join()
