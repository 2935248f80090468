"""The S3 client: endpoint and credentials come from the AWS variables, and errors become sentences.

Each process has one client, because creating one takes longer than the requests of most imports. The client is
thread-safe, and a forked process creates its own. Listings, buffers and file objects of s3fs are not used: they cache
what other processes change, and complete half-written files when they are garbage-collected.
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
from botocore.exceptions import ConnectionError as EndpointError
from botocore.parsers import ResponseParserError
from fsspec.asyn import sync

from imports_pipeline.filestore.retry import seconds_left
from imports_pipeline.filestore.stores import (
    FileReplaced,
    NoSuchBucket,
    StoreDenied,
    StoreError,
    StoreUnreachable,
)

T = TypeVar("T")

# botocore makes this many attempts with growing pauses. If no answer came, or half of one, all of them are made once
# more. ``retry`` adds the retries of a run.
_ATTEMPTS: Final = 3
_ROUNDS: Final = 2
_PAUSE_SECONDS: Final = 0.1
_NO_ANSWER: Final = (HTTPClientError, StreamError, ResponseParserError, TimeoutError)
_CONNECT_SECONDS: Final = 5
# The longest pause in a response. S3 needs a while to complete a large multipart upload.
_READ_SECONDS: Final = 60
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_NO_CREDENTIALS: Final = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
# Status codes of a server, or of its load balancer, that is restarting or overloaded.
_UNAVAILABLE: Final = (500, 502, 503, 504)
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
    """The object ends before the requested range. An empty object has no valid range."""


class Client:
    """Blocking requests to S3.

    Every method raises ``FileNotFoundError`` for a missing object, ``NoSuchBucket``, ``StoreDenied`` or
    ``StoreUnreachable`` with a sentence that says what to do, and ``OSError`` for every other error.
    """

    def __init__(self) -> None:
        """Read the AWS variables. No request is sent yet."""
        endpoint = _endpoint()
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if endpoint and not region:
            region = "us-east-1"  # servers without regions expect this one in a signature
        self._fs = s3fs.S3FileSystem(
            config_kwargs={
                # By default s3fs signs URLs by SigV2, which AWS refuses.
                "signature_version": "s3v4",
                # Self-hosted servers usually have no DNS name for each bucket.
                "s3": {"addressing_style": "path" if endpoint else "auto"},
                "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
                "connect_timeout": _CONNECT_SECONDS,
                "read_timeout": _READ_SECONDS,
                # The default adds checksum trailers to uploads, which many other servers do not accept.
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
            },
            client_kwargs={"region_name": region} if region else {},
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one request of the S3 API; ``method`` and ``parameters`` have botocore's names."""
        return self._do(lambda: self._send(method, parameters), parameters)

    def read(self, start: int, end: int, **parameters: Any) -> tuple[bytes, dict[str, Any]]:
        """Return the bytes of an object from ``start`` to before ``end``, and the response's headers.

        Raises ``OutsideObject`` if the object ends before ``start``.
        """
        given = {**parameters, "Range": f"bytes={start}-{end - 1}"}

        async def body() -> tuple[bytes, dict[str, Any]]:
            for attempt in range(_ATTEMPTS):
                response = await self._send("get_object", given)
                try:
                    # Errors before the response begins have already been retried by `_send`.
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

    async def _send(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request with the client of s3fs, and once more if no answer came."""
        for left in reversed(range(_ROUNDS)):
            client = await self._fs.set_session()
            try:
                answer: dict[str, Any] = await getattr(client, method)(**parameters)
                return answer
            except _NO_ANSWER:
                if not left:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
        raise AssertionError("the last round returns or raises")

    def _do(self, request: Callable[[], Awaitable[T]], parameters: Mapping[str, Any]) -> T:
        place = f"s3://{parameters['Bucket']}/{parameters.get('Key', parameters.get('Prefix', ''))}"
        try:
            left = seconds_left()
            if left is not None and left <= 0:
                raise TimeoutError
            # The request is canceled when the time of the caller runs out, because the server may never answer.
            result: T = sync(self._fs.loop, request, timeout=left)
            return result
        except (HTTPClientError, StreamError, EndpointError, TimeoutError) as error:
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
        except ClientError as error:
            raise _translate(error, place) from None
        except (BotoCoreError, ValueError) as error:
            # botocore raises ValueError for an endpoint that is not a URL.
            raise StoreError(
                f"The S3 client cannot be configured ({type(error).__name__}); check the AWS variables:"
                " AWS_ENDPOINT_URL is http://host:port or https://host, AWS_REGION a name such as eu-central-1."
            ) from None


def _translate(error: ClientError, place: str) -> OSError:
    """Return the error class and sentence for an error response of S3."""
    code = str(error.response.get("Error", {}).get("Code"))
    if code == "NoSuchBucket":
        bucket = place.split("/")[2]
        return NoSuchBucket(f"{_server()} has no bucket {bucket}; create it, or correct the name.")
    if code in _MISSING:
        return FileNotFoundError(f"There is no object {place}")
    if code in _DENIED:
        return StoreDenied(
            f"{_server()} refuses {error.operation_name} on {place} ({code}); check the credentials, and that"
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
        return FileReplaced(f"{place} was replaced or removed meanwhile; try again.")
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _UNAVAILABLE:
        return StoreUnreachable(f"{_server()} cannot serve requests now ({code}); try again later.")
    if code == "RequestTimeTooSkewed":
        return StoreError(f"The clock of this machine differs from that of {_server()}; correct it.")
    return OSError(f"{error.operation_name} on {place} failed ({code}): {error}")


def client() -> Client:
    """Return this process's client for the AWS variables as they are now."""
    variables = frozenset((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))
    return _client(os.getpid(), variables)


@lru_cache(maxsize=4)
def _client(process: int, variables: frozenset[tuple[str, str]]) -> Client:  # noqa: ARG001
    """Create a client. The arguments are the key of the cache."""
    return Client()


def _endpoint() -> str | None:
    return next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)


def _server() -> str:
    """Return the server's name without the parts of its URL that may be secret."""
    endpoint = _endpoint()
    if endpoint is None:
        return "S3"
    try:
        parts = urlsplit(endpoint)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "S3"
    return f"S3 at {parts.hostname or 'AWS_ENDPOINT_URL'}{port}"
