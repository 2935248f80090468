"""Parsing of requests for imports and batches, from JSON or from a form: options, name and file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from imports_pipeline.api.requests import bodies, inline_data
from imports_pipeline.api.responses.envelope import Refusal
from imports_pipeline.model.import_names import name_of_file
from imports_pipeline.model.option_choices import Action, BlankCells, Mode
from imports_pipeline.model.option_declarations import Group
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Options, declarations
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.settings import Settings
from imports_pipeline.sources import import_options

# The fields of a request that are no import options.
_NOT_OPTIONS: Final = ("resource", "name", "data", "idempotency_key")
_LONGEST_KEY: Final = 255
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class ImportRequest:
    """A checked request for an import."""

    resource: str
    options: Options
    name: str | None
    #: The file's content, in memory or as an open file; None if it is sent to an upload URL later.
    content: bytes | BinaryIO | None
    #: The JSON array from which ``content`` was made.
    items: bytes | None
    idempotency_key: str | None
    #: SHA-256 of the request; equal for equal requests.
    fingerprint: bytes
    #: ``api`` for a batch of JSON items, whose content ``reading.json_items`` reads; otherwise ``file``.
    via: str = "file"


async def read_import_request(request: Request, settings: Settings) -> ImportRequest:
    """Parse the request for an import.

    Raises:
        Refusal: the request is invalid.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Parsing a large body takes a while. In a thread it does not block the event loop.
    if kind == "application/json":
        return await run_in_threadpool(_import_from_json, request, await request.body(), settings)
    if kind == "multipart/form-data":
        return await run_in_threadpool(_import_from_form, request, await _read_form(request), settings)
    raise Refusal(
        415, "unsupported_media_type", "Send application/json, or multipart/form-data with a part `file`."
    )


async def read_batch_request(request: Request, settings: Settings) -> ImportRequest:
    """Parse the request for a batch of JSON items.

    Raises:
        Refusal: the request is invalid.
    """
    return await run_in_threadpool(_batch_from_json, request, await request.body(), settings)


def _import_from_json(request: Request, body: bytes, settings: Settings) -> ImportRequest:
    given = bodies.json_object(body)
    data = given.pop("data", None)
    return _checked_request(request, given, *_inline(data, settings, given), settings=settings)


def _import_from_form(request: Request, form: FormData, settings: Settings) -> ImportRequest:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Refusal(400, "invalid_data", "The form has no part `file` with a file name and content.")
    if len(form.multi_items()) != len(form):
        raise Refusal(400, "invalid_request", "The form has two parts of one name; send each part once.")
    given = _options_from_form(form)
    given.setdefault("name", name_of_file(file.filename))
    return _checked_request(request, given, file.file, None, settings=settings)


def _batch_from_json(request: Request, body: bytes, settings: Settings) -> ImportRequest:
    from imports_pipeline.reading.json_items import InvalidItem, cells_of, readable

    given = bodies.json_object(body)
    items, properties = given.pop("items", None), given.pop("properties", None)
    if not isinstance(items, list) or not items:
        raise Refusal(400, "invalid_data", "`items` must be an array of at least one object.")
    if properties is not None and not isinstance(properties, dict):
        raise Refusal(400, "invalid_data", "`properties` must be an object with the defaults of every item.")
    described = [
        key
        for key in ("data", *(name for name, option in declarations().items() if option.of_a_file))
        if given.get(key) is not None
    ]
    if described:
        raise _invalid(f"{described[0]}: describes a file, and a batch has none", described[0])
    _check_count(items, given, settings)
    try:
        defaults = cells_of(properties or {})
        if given.get("blank_cells") == BlankCells.CLEAR:
            rows = {
                number: defaults | cells
                for number, item in enumerate(items, 1)
                if (cells := readable(item)) is not None
            }
            inline_data.check_same_fields(rows, len({name for row in rows.values() for name in row}))
    except InvalidItem as error:
        raise inline_data.invalid_data(f"`properties`: {error}.") from None
    content = json.dumps({"properties": properties, "items": items}, ensure_ascii=False).encode()
    wanted = _checked_request(request, given, content, None, settings=settings)
    return replace(wanted, via="api")


def _check_count(items: list[Any], given: Mapping[str, Any], settings: Settings) -> None:
    if given.get("mode") == Mode.SYNC and len(items) > settings.sync_rows:
        raise Refusal(
            413,
            "sync_limit_exceeded",
            f"There are {len(items):,} items, and mode sync takes {settings.sync_rows:,} rows; use mode mixed.",
        )


def _inline(data: Any, settings: Settings, given: Mapping[str, Any]) -> tuple[bytes | None, bytes | None]:
    """Return the file that inline data stands for, and the JSON array if it is one."""
    if data is None:
        return None, None
    if isinstance(data, str):
        return inline_data.bytes_of(data), None
    if not isinstance(data, list):
        raise Refusal(400, "invalid_data", "`data` must be an array of objects, a base64 data URL, or null.")
    _check_count(data, given, settings)
    if not data:
        raise Refusal(400, "invalid_data", "`data` has no item; send null for an upload URL.")
    same_fields = given.get("blank_cells") == BlankCells.CLEAR
    return inline_data.csv_of(data, same_fields=same_fields), json.dumps(data, ensure_ascii=False).encode()


def _checked_request(
    request: Request,
    given: Mapping[str, Any],
    content: bytes | BinaryIO | None,
    items: bytes | None,
    *,
    settings: Settings,
) -> ImportRequest:
    resource = given.get("resource")
    if not isinstance(resource, str) or resource not in RESOURCES:
        raise _invalid(f"resource: must be {' or '.join(RESOURCES)}", "resource")
    name = given.get("name")
    if name is not None and (not isinstance(name, str) or "\0" in name):
        raise _invalid("name: must have 3 to 127 characters", "name")
    options = {key: value for key, value in given.items() if key not in _NOT_OPTIONS}
    if items is not None:
        described = [
            name
            for name, option in declarations().items()
            if option.group is Group.READING and options.get(name) is not None
        ]
        if described:
            raise _invalid(
                f"{described[0]}: describes a file, and `data` is an array of objects", described[0]
            )
        # This process made the file, so nothing has to be detected.
        options = {**options, "encoding": "utf-8", "delimiter": ",", "quote": '"', "header_line": 1}
    try:
        checked = import_options.options_of(resource, options, name)
    except InvalidOption as error:
        raise _invalid(str(error), str(error).partition(":")[0]) from None
    if checked.action is Action.REVERT or checked.parts or checked.max_age:
        raise _invalid(
            "action, parts, max_age: a request sends one file, and an undo has a route of its own", "action"
        )
    size = _size(content)
    if checked.mode is Mode.SYNC and size > settings.sync_bytes:
        raise Refusal(
            413,
            "sync_limit_exceeded",
            f"The file has {size:,} bytes, and mode sync takes {settings.sync_bytes:,}; use mode mixed.",
        )
    key = request.headers.get("idempotency-key", given.get("idempotency_key"))
    if key is not None and (
        not isinstance(key, str) or not 1 <= len(key) <= _LONGEST_KEY or not key.isprintable()
    ):
        raise Refusal(
            400, "invalid_request", f"An idempotency key must have 1 to {_LONGEST_KEY} printable characters."
        )
    rest = {name: value for name, value in given.items() if name != "idempotency_key"}
    return ImportRequest(resource, checked, name, content, items, key, _fingerprint(request, rest, content))


def _fingerprint(request: Request, given: Mapping[str, Any], content: bytes | BinaryIO | None) -> bytes:
    digest = hashlib.sha256(json.dumps([request.url.path, given], sort_keys=True).encode())
    if isinstance(content, bytes):
        digest.update(content)
    elif content is not None:
        content.seek(0)
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
        content.seek(0)
    return digest.digest()


def _size(content: bytes | BinaryIO | None) -> int:
    if content is None or isinstance(content, bytes):
        return len(content or b"")
    size = content.seek(0, 2)
    content.seek(0)
    return size


async def _read_form(request: Request) -> FormData:
    from starlette.exceptions import HTTPException

    try:
        return await request.form(max_files=1, max_fields=64)
    except HTTPException as error:
        raise Refusal(400, "invalid_request", f"The form could not be parsed: {error.detail}") from None


def _options_from_form(form: FormData) -> dict[str, Any]:
    """Return the options of a form, its texts converted to the types of the options.

    An empty text counts as absent, except for ``quote``, where it means "no quote character".
    """
    given: dict[str, Any] = {}
    for name, text in form.items():
        if name == "file":
            continue
        if not isinstance(text, str):
            raise _invalid(f"{name}: must be a text; the file to import is the part `file`", name)
        if text == "" and name != "quote":
            continue
        bodies.check_text(text)
        given[name] = _typed(name, text)
    return given


def _typed(name: str, text: str) -> Any:
    if name == "column_mapping":
        return bodies.parse_json(text.encode())
    option = declarations().get(name)
    kind = option.kind if option else str
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind is int and text.isascii() and text.isdecimal() and len(text) < 16:
        return int(text)
    if kind is float and text.isascii():
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _invalid(message: str, field: str) -> Refusal:
    errors = [{"code": "invalid_option", "field": field, "message": message}]
    return Refusal(400, "invalid_option", message[:1000], errors=errors)
