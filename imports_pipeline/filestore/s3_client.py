"""The client of S3: the endpoint and credentials of the AWS variables, and its faults as sentences.

One client a process, whatever asks for it: making one takes longer than most imports' requests. It is thread-safe,
and a forked process makes its own. Listings, buffers and file objects of s3fs are not used: they cache what others
change, and put half-written files in place when they are garbage-collected.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import s3fs
from aiohttp import ClientError as StreamError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as NoAnswer
from fsspec.asyn import sync

from imports_pipeline.filestore.retry import seconds_left
from imports_pipeline.filestore.stores import (
    NoSuchBucket,
    Replaced,
    StoreDenied,
    StoreError,
    StoreUnreachable,
)

T = TypeVar("T")

#: botocore tries this often with growing pauses, and s3fs repeats that; a run's own retries come on top.
_ATTEMPTS: Final = 3
_ROUNDS: Final = 2
_CONNECT_SECONDS: Final = 5
#: between two bytes; putting a large file's parts together takes S3 a while
_READ_SECONDS: Final = 60
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_NO_CREDENTIALS: Final = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
#: What a server, or the balancer before it, answers while it restarts or has too much to do.
_AWAY: Final = (500, 502, 503, 504)
_MISSING: Final = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NoSuchVersion"})
_DENIED: Final = frozenset(
    {"401", "403", "AccessDenied", "AllAccessDisabled", "InvalidSecurity", "NotSignedUp"}
)
_WRONG_CREDENTIALS: Final = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
)
_WRONG_REGION: Final = frozenset(
    {"301", "307", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)


class OutsideObject(OSError):
    """The object has no such bytes; an empty one has none at all."""


class Client:
    """Requests to S3 that return when they are answered.

    Every method raises ``FileNotFoundError`` for an object that is not there, ``NoSuchBucket``, ``StoreDenied``
    or ``StoreUnreachable`` with a sentence that says what to do, and ``OSError`` for every other fault.
    """

    def __init__(self) -> None:
        """Read the AWS variables; nothing is asked yet."""
        endpoint = _endpoint()
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if endpoint and not region:
            region = "us-east-1"  # what servers that know no regions expect in a signature
        self._fs = s3fs.S3FileSystem(
            config_kwargs={
                # s3fs would sign URLs by SigV2, which AWS refuses.
                "signature_version": "s3v4",
                # Servers of one's own have no DNS name for each bucket.
                "s3": {"addressing_style": "path" if endpoint else "auto"},
                "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
                "connect_timeout": _CONNECT_SECONDS,
                "read_timeout": _READ_SECONDS,
                # Otherwise uploads are framed in a way that many other servers do not understand.
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
            },
            client_kwargs={"region_name": region} if region else {},
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        self._fs.retries = _ROUNDS

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one request of the S3 API, named as botocore names it."""
        return self._do(lambda: self._fs._call_s3(method, **parameters), parameters)

    def read(self, start: int, end: int, **parameters: Any) -> tuple[bytes, dict[str, Any]]:
        """Read the bytes from ``start`` to before ``end`` of an object, and the answer's headers.

        Raises ``OutsideObject`` when the object ends before ``start``.
        """
        given = {**parameters, "Range": f"bytes={start}-{end - 1}"}

        async def body() -> tuple[bytes, dict[str, Any]]:
            for attempt in range(_ATTEMPTS):
                response = await self._fs._call_s3("get_object", **given)
                try:
                    # What breaks before the answer begins has been tried again by then.
                    async with response["Body"] as stream:
                        return bytes(await stream.read()), response
                except (HTTPClientError, StreamError, TimeoutError):
                    if attempt == _ATTEMPTS - 1:
                        raise
                    await asyncio.sleep(2.0**attempt / 4)
            raise AssertionError("the last attempt returns or raises")

        return self._do(body, parameters)

    def signed(self, method: str, seconds: int, **parameters: Any) -> str:
        """Return a URL that allows one request of this kind for ``seconds``."""

        async def url() -> str:
            client = await self._fs.set_session()
            return str(await client.generate_presigned_url(method, Params=parameters, ExpiresIn=seconds))

        return self._do(url, parameters)

    def _do(self, request: Callable[[], Awaitable[T]], parameters: Mapping[str, Any]) -> T:
        place = f"s3://{parameters['Bucket']}/{parameters.get('Key', parameters.get('Prefix', ''))}"
        try:
            left = seconds_left()
            if left is not None and left <= 0:
                raise TimeoutError
            # Canceled in the midst when the work that asks has no more time: the server may never answer.
            result: T = sync(self._fs.loop, request, timeout=left)
            return result
        except (HTTPClientError, StreamError, NoAnswer, TimeoutError) as error:
            raise StoreUnreachable(
                f"{_server()} does not answer ({type(error).__name__});"
                " check AWS_ENDPOINT_URL and the network, then try again."
            ) from None
        except _NO_CREDENTIALS:
            raise StoreDenied(
                "There are no credentials for S3; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the"
                " machine a role."
            ) from None
        except ParamValidationError:
            raise NoSuchBucket(f"{place} has no valid bucket name or key; correct it.") from None
        except OSError as error:
            raise _judged(error, place) from None
        except (BotoCoreError, ValueError) as error:
            # A ValueError is botocore's of an endpoint that is no URL.
            raise StoreError(
                f"The client of S3 cannot be set up ({type(error).__name__}); check the AWS variables:"
                " AWS_ENDPOINT_URL is http://host:port or https://host, AWS_REGION a name such as eu-central-1."
            ) from None


def _judged(error: OSError, place: str) -> OSError:
    """Return what an answer of S3 means for who set the system up; s3fs keeps the answer as the cause."""
    cause = error.__cause__
    if not isinstance(cause, ClientError):
        return error
    code = str(cause.response.get("Error", {}).get("Code"))
    if code == "NoSuchBucket":
        bucket = place.split("/")[2]
        return NoSuchBucket(f"{_server()} has no bucket {bucket}; make it, or correct the name.")
    if code in _MISSING:
        return FileNotFoundError(f"There is no object {place}")
    if code in _DENIED:
        return StoreDenied(
            f"{_server()} refuses {cause.operation_name} on {place} ({code}); check the credentials, and that"
            " the bucket's policy allows what docs/reference/files.md lists."
        )
    if code in _WRONG_CREDENTIALS:
        return StoreDenied(
            f"{_server()} does not accept the credentials ({code}); check AWS_ACCESS_KEY_ID,"
            " AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."
        )
    if code in _WRONG_REGION:
        return StoreError(f"The bucket of {place} is in another region ({code}); set AWS_REGION to it.")
    if code in ("InvalidRange", "416"):
        return OutsideObject(f"{place} is not that long")
    if code in ("PreconditionFailed", "412"):
        return Replaced(f"{place} was replaced or removed meanwhile; try again.")
    if cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _AWAY:
        return StoreUnreachable(f"{_server()} cannot serve requests now ({code}); try again later.")
    if code == "RequestTimeTooSkewed":
        return StoreError(f"The clock of this machine is not that of {_server()}; set it right.")
    return OSError(f"{cause.operation_name} on {place} failed ({code}): {error}")


def client() -> Client:
    """Return this process's client for the AWS variables as they are now."""
    variables = frozenset((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))
    return _client(os.getpid(), variables)


@lru_cache(maxsize=4)
def _client(process: int, variables: frozenset[tuple[str, str]]) -> Client:  # noqa: ARG001
    """Make a client; the arguments only tell one from another."""
    return Client()


def _endpoint() -> str | None:
    return next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)


def _server() -> str:
    """Name the server without what may be secret in its URL."""
    endpoint = _endpoint()
    if endpoint is None:
        return "S3"
    try:
        parts = urlsplit(endpoint)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "S3"
    return f"S3 at {parts.hostname or 'AWS_ENDPOINT_URL'}{port}"
