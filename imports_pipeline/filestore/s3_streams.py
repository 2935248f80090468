"""Reads and writes an S3 object as a file, with a bounded part of it in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, BinaryIO, Final, cast

from imports_pipeline.filestore.s3_client import Client, OutsideObject

# The bytes that one request reads, and the blocks that are cached, because Parquet reads jump between columns.
_BLOCK: Final = 4 << 20
_BLOCKS: Final = 4
# The bytes that one request writes. 10,000 parts of equal size (which R2 requires) make 78 GiB.
_PART: Final = 8 << 20


def open_read(client: Client, bucket: str, key: str) -> BinaryIO:
    """Open an object for reading, seekable. Raises the errors of ``Client``.

    A reader sees one version of the object, or fails with ``FileReplaced``. It never sees a mix of two.
    """
    place = {"Bucket": bucket, "Key": key}
    try:
        # The response to the first block shows that the object exists and its size; most files have only one block.
        first, found = client.read(0, _BLOCK, **place)
    except OutsideObject:
        first, found = b"", client.call("head_object", **place)
    size = int(found.get("ContentRange", "").rpartition("/")[2] or found["ContentLength"])
    return cast(BinaryIO, io.BufferedReader(_Reader(client, place, found["ETag"], size, first), 1 << 16))


@contextmanager
def open_write(client: Client, bucket: str, key: str) -> Iterator[BinaryIO]:
    """Open an object for writing: one request if it is small, otherwise a multipart upload."""
    writer = _Writer(client, bucket, key)
    try:
        yield cast(BinaryIO, writer)
        writer.finish()
    except BaseException:
        # Parts that cannot be removed now are not visible. A lifecycle rule of the bucket removes them
        # (docs/reference/files.md).
        with suppress(OSError):
            writer.abort()
        raise


class _Reader(io.RawIOBase):
    def __init__(self, client: Client, place: dict[str, str], etag: str, size: int, first: bytes) -> None:
        self._size = size
        self._position = 0
        kept = [first]

        @lru_cache(_BLOCKS)
        def block(number: int) -> bytes:
            if number == 0 and kept:
                return kept.pop()
            start = number * _BLOCK
            return client.read(start, min(start + _BLOCK, size), **place, IfMatch=etag)[0]

        self._block = block

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"A file has no position {start + offset}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        # At most one block, so that a large read holds each block only once.
        if self._position >= self._size:
            return 0
        view = memoryview(buffer).cast("B")
        number, start = divmod(self._position, _BLOCK)
        found = memoryview(self._block(number))[start : start + len(view)]
        view[: len(found)] = found
        self._position += len(found)
        return len(found)

    def close(self) -> None:
        if not self.closed:
            del self._block
        super().close()


class _Writer(io.BufferedIOBase):
    """A writer whose object becomes visible only by ``finish``: not by closing it or by garbage collection."""

    def __init__(self, client: Client, bucket: str, key: str) -> None:
        self._client = client
        self._place = {"Bucket": bucket, "Key": key}
        self._buffer = bytearray()
        self._upload: dict[str, str] = {}
        self._parts: list[dict[str, Any]] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("The file is closed")
        with memoryview(data).cast("B") as view:
            for start in range(0, len(view), _PART):
                self._buffer += view[start : start + _PART]
                if len(self._buffer) >= _PART:
                    self._send(_PART)
            self._written += len(view)
            return len(view)

    def finish(self) -> None:
        """Complete the object and make it visible."""
        if not self._upload:
            self._client.call("put_object", **self._place, Body=bytes(self._buffer))
        else:
            if self._buffer:
                self._send(len(self._buffer))
            self._client.call(
                "complete_multipart_upload",
                **self._place,
                **self._upload,
                MultipartUpload={"Parts": self._parts},
            )
        self.close()

    def abort(self) -> None:
        """Abort the multipart upload, which removes the parts that were sent."""
        self.close()
        if self._upload:
            self._client.call("abort_multipart_upload", **self._place, **self._upload)

    def _send(self, length: int) -> None:
        if not self._upload:
            begun = self._client.call("create_multipart_upload", **self._place)
            self._upload = {"UploadId": begun["UploadId"]}
        body = bytes(memoryview(self._buffer)[:length])
        number = len(self._parts) + 1
        sent = self._client.call("upload_part", **self._place, **self._upload, PartNumber=number, Body=body)
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        del self._buffer[:length]
