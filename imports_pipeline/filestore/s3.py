"""The file store in a bucket of S3 or of an S3-compatible server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from imports_pipeline.filestore import s3_streams
from imports_pipeline.filestore.paths import checked_key, folder_prefix, is_listed
from imports_pipeline.filestore.s3_client import Client, client
from imports_pipeline.filestore.signed_urls import Grant, InvalidToken, check_limit
from imports_pipeline.filestore.stores import FileReplaced, Folder, FolderSkip, Swept, Unreadable
from imports_pipeline.model.files import StoredFile

# Larger files are copied in parts. S3 would copy up to 5 GiB with one request.
_COPY_AT_ONCE: Final = 1 << 30
_COPY_PART: Final = 512 << 20
# The largest page that S3 lists.
_PAGE: Final = 1000
# The page behind one that consisted mostly of a skipped folder.
_SMALL_PAGE: Final = 100
# SigV4 URLs are valid for at most a week.
_LONGEST_SECONDS: Final = 7 * 24 * 3600


class S3Store:
    """The files below one prefix of a bucket. It implements ``stores.Store``."""

    def __init__(self, url: str) -> None:
        """Keep files below ``s3://bucket/prefix``; the AWS variables name endpoint and credentials."""
        self._bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def __repr__(self) -> str:
        return f"S3Store(s3://{self._bucket}/{self._prefix})"

    @property
    def _client(self) -> Client:
        return client()

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._client.call(method, Bucket=self._bucket, **parameters)

    def _key(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def open_read(self, key: str) -> BinaryIO:
        """Open a file for reading. It is seekable and holds a few blocks in memory. Raises ``FileNotFoundError``."""
        return s3_streams.open_read(self._client, self._bucket, self._key(key))

    def open_write(self, key: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for writing. It becomes visible, or replaces the old one, if the block ends without error."""
        return s3_streams.open_write(self._client, self._bucket, self._key(key))

    def exists(self, key: str) -> bool:
        """Return True if the file exists."""
        return self.stat(key) is not None

    def stat(self, key: str) -> StoredFile | None:
        """Return the size, version and time of a file, or ``None`` if it does not exist."""
        try:
            found = self._call("head_object", Key=self._key(key))
        except FileNotFoundError:
            return None
        return _stored_file(key, found["ContentLength"], found)

    def list(
        self,
        folder: str,
        *,
        after: str | None = None,
        skip: FolderSkip | None = None,
        unreadable: Unreadable | None = None,  # noqa: ARG002 - S3 allows or denies a listing as a whole.
    ) -> Iterator[StoredFile]:
        """Yield the files below the folder in order of key, from after ``after``, one page a request.

        The listing passes over a skipped folder with at most one more request. A delimiter would need a request for
        each level of each organization: some 6,000 for 2,000 organizations, where pages of 1,000 keys need one for
        each 1,000 keys.
        """
        prefix = self._prefix + folder_prefix(folder)
        start = {} if after is None else {"StartAfter": self._prefix + after}
        return self._listed(prefix, start, skip)

    def _listed(self, prefix: str, start: dict[str, str], skip: FolderSkip | None) -> Iterator[StoredFile]:
        size = _PAGE
        while True:
            page = self._call("list_objects_v2", Prefix=prefix, MaxKeys=size, **start)
            skipped: str | None = None
            first = 0
            for place, found in enumerate(page.get("Contents", [])):
                key = found["Key"].removeprefix(self._prefix)
                if skipped is not None and key.startswith(f"{skipped}/"):
                    continue
                skipped = skip(key) if skip is not None else None
                first = place
                if skipped is None and is_listed(key):
                    yield _stored_file(key, found["Size"], found)
            if not page.get("IsTruncated"):
                return
            if skipped is not None:
                # `0` is the character after `/`, so this key is after all keys of the folder.
                start = {"StartAfter": f"{self._prefix}{skipped}0"}
            else:
                start = {"ContinuationToken": page["NextContinuationToken"]}
            # Where large folders are skipped one after the other, most keys of large pages are read for nothing.
            mostly_skipped = skipped is not None and first < len(page["Contents"]) // 2
            size = min(_SMALL_PAGE, _PAGE) if mostly_skipped else min(2 * size, _PAGE)

    def delete(self, key: str) -> None:
        """Remove the file if it exists."""
        self._call("delete_object", Key=self._key(key))

    def delete_folder(self, key: str) -> None:
        """Remove all files below the key, and folder markers."""
        prefix = f"{self._key(key.removesuffix('/'))}/"
        while found := self._call("list_objects_v2", Prefix=prefix).get("Contents"):
            done = self._call(
                "delete_objects", Delete={"Objects": [{"Key": one["Key"]} for one in found], "Quiet": True}
            )
            if errors := done.get("Errors"):
                raise OSError(f"{errors[0]['Key']} cannot be removed ({errors[0].get('Code')}); try again.")

    def move(self, key: str, to: str, *, version: str | None = None) -> None:
        """Copy the file to another key, then remove it. Raises ``FileNotFoundError`` and ``FileReplaced``.

        Both files exist for a moment. A file that replaces the source meanwhile is kept if the server supports
        conditional deletes, as AWS does.
        """
        source, target = self._key(key), self._key(to)
        found = self._call("head_object", Key=source)
        if version is not None and _version(found) != version:
            raise FileReplaced(f"{self.location(key)} has been replaced by another file; list it again.")
        if source == target:
            return
        self._copy(source, target, found)
        with suppress(FileReplaced):
            self._call("delete_object", Key=source, IfMatch=found["ETag"])

    def _copy(self, source: str, target: str, found: dict[str, Any]) -> None:
        origin = {"CopySource": {"Bucket": self._bucket, "Key": source}, "CopySourceIfMatch": found["ETag"]}
        size = found["ContentLength"]
        if size <= _COPY_AT_ONCE:
            self._call("copy_object", Key=target, **origin)
            return
        upload = {"Key": target, "UploadId": self._call("create_multipart_upload", Key=target)["UploadId"]}
        try:
            parts = []
            for number, start in enumerate(range(0, size, _COPY_PART), 1):
                span = f"bytes={start}-{min(start + _COPY_PART, size) - 1}"
                part = self._call(
                    "upload_part_copy", **upload, **origin, PartNumber=number, CopySourceRange=span
                )
                parts.append({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]})
            self._call("complete_multipart_upload", **upload, MultipartUpload={"Parts": parts})
        except BaseException:
            self._call("abort_multipart_upload", **upload)
            raise

    def sweep(
        self, before: float, *, after: str = "", out_of_time: Callable[[], bool] | None = None
    ) -> Swept:
        """Abort multipart uploads that were begun before ``before``. S3 lists them alone, without other files."""
        swept = 0
        start = {"KeyMarker": self._prefix + after} if after else {}
        while True:
            page = self._call("list_multipart_uploads", Prefix=self._prefix, **start)
            for upload in page.get("Uploads", []):
                if upload["Initiated"].timestamp() < before:
                    with suppress(FileNotFoundError):
                        self._call("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
                        swept += 1
            if not page.get("IsTruncated"):
                return Swept(swept)
            start = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
            if out_of_time is not None and out_of_time():
                return Swept(swept, page["NextKeyMarker"].removeprefix(self._prefix))

    def uri(self, key: str) -> str:
        """Return ``s3://bucket/key``."""
        return f"s3://{self._bucket}/{self._key(key)}"

    def location(self, key: str) -> str:
        """Return the file's location for people."""
        return self.uri(key)

    def url(self, key: str) -> str:
        """Return ``s3://bucket/key``."""
        return self.uri(key)

    def signed_download(self, key: str, seconds: int, *, file_name: str | None = None) -> str:
        """Return an S3 URL that downloads the file and is valid for ``seconds``."""
        named = {} if file_name is None else {"ResponseContentDisposition": _disposition(file_name)}
        return self._signed("get_object", seconds, Key=self._key(key), **named)

    def signed_upload(self, key: str, seconds: int, *, limit: int, size: int | None = None) -> str:
        """Return an S3 URL that takes a PUT of exactly ``size`` bytes, or of any size if ``size`` is ``None``."""
        check_limit(limit, size)
        length = {} if size is None else {"ContentLength": size}
        return self._signed("put_object", seconds, Key=self._key(key), **length)

    def _signed(self, method: str, seconds: int, **parameters: Any) -> str:
        if not 0 < seconds <= _LONGEST_SECONDS:
            raise ValueError(f"A signed URL is valid for 1 to {_LONGEST_SECONDS:,} s, not for {seconds}")
        return self._client.signed(method, seconds, Bucket=self._bucket, **parameters)

    def verify(self, token: str, method: str) -> Grant:  # noqa: ARG002
        """Raise ``InvalidToken``: S3 verifies its own URLs."""
        raise InvalidToken("The files are on S3, which serves its own signed URLs; request a new one.")

    def check(self) -> None:
        """Raise ``StoreError`` if the bucket does not exist or cannot be listed."""
        self._call("list_objects_v2", Prefix=self._prefix, MaxKeys=1)

    def folder(self, key: str) -> Folder:
        """Return the files below ``key`` in the interface that the phases use."""
        return Folder(self, key)


def _stored_file(key: str, size: int, found: dict[str, Any]) -> StoredFile:
    return StoredFile(key, size, _version(found), found["LastModified"].timestamp())


def _version(found: dict[str, Any]) -> str:
    return str(found["ETag"]).strip('"')


def _disposition(file_name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"
