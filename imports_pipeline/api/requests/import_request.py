"""What a request asks of a new import: options, a name, and the file or none; read from JSON or from a form."""

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
from imports_pipeline.model.option_declarations import Group
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.model.options import Action, BlankCells, Mode, Options, declarations
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.settings import Settings
from imports_pipeline.sources import import_options

#: What a request may hold beside the options.
_BESIDE: Final = ("resource", "name", "data", "idempotency_key")
_NAMES: Final = range(3, 128)
_LONGEST_KEY: Final = 255
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class Asked:
    """A checked request for an import."""

    resource: str
    options: Options
    name: str | None
    #: the file's content, in memory or as an open file; nothing when it comes by an upload URL
    content: bytes | BinaryIO | None
    #: the JSON array that ``content`` was made of
    items: bytes | None
    idempotency_key: str | None
    #: the same for the same request
    fingerprint: bytes
    #: ``api`` for a batch of items, whose content is what ``reading.items`` reads
    via: str = "file"


async def import_of(request: Request, settings: Settings) -> Asked:
    """Read the request for an import. Raises ``Refusal``."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # What is made of a body takes a while for a large one, in which nobody else would be answered.
    if kind == "application/json":
        return await run_in_threadpool(_import_of_json, request, await request.body(), settings)
    if kind == "multipart/form-data":
        return await run_in_threadpool(_import_of_form, request, await _form(request), settings)
    raise Refusal(
        415, "unsupported_media_type", "Send application/json, or multipart/form-data with a part `file`."
    )


async def batch_of(request: Request, settings: Settings) -> Asked:
    """Read the request for a batch of items. Raises ``Refusal``."""
    return await run_in_threadpool(_batch_of_json, request, await request.body(), settings)


def _import_of_json(request: Request, body: bytes, settings: Settings) -> Asked:
    given = bodies.object_of(body)
    data = given.pop("data", None)
    return _asked(request, given, *_inline(data, settings, given), settings=settings)


def _import_of_form(request: Request, form: FormData, settings: Settings) -> Asked:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Refusal(400, "invalid_data", "The form has no part `file` with a file name and a content.")
    if len(form.multi_items()) != len(form):
        raise Refusal(400, "invalid_request", "The form has a part twice.")
    given = _of_form(form)
    given.setdefault("name", _name_of(file.filename))
    return _asked(request, given, file.file, None, settings=settings)


def _batch_of_json(request: Request, body: bytes, settings: Settings) -> Asked:
    from imports_pipeline.reading.json_items import InvalidItem, cells_of, readable

    given = bodies.object_of(body)
    items, properties = given.pop("items", None), given.pop("properties", None)
    if not isinstance(items, list) or not items:
        raise Refusal(400, "invalid_data", "`items` takes an array of at least one object.")
    if properties is not None and not isinstance(properties, dict):
        raise Refusal(400, "invalid_data", "`properties` takes an object: the defaults of every item.")
    described = [
        key
        for key in ("data", *(name for name, option in declarations().items() if option.of_a_file))
        if given.get(key) is not None
    ]
    if described:
        raise _invalid(f"{described[0]}: is about a file, and a batch has none", described[0])
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
    asked = _asked(request, given, content, None, settings=settings)
    return replace(asked, via="api")


def _check_count(items: list[Any], given: Mapping[str, Any], settings: Settings) -> None:
    if given.get("mode") == Mode.SYNC and len(items) > settings.sync_rows:
        raise Refusal(
            413,
            "sync_limit_exceeded",
            f"There are {len(items):,} items, and mode sync takes {settings.sync_rows:,} rows; use mode mixed.",
        )


def _inline(data: Any, settings: Settings, given: Mapping[str, Any]) -> tuple[bytes | None, bytes | None]:
    """Return the content of inline data, and the JSON it was made of."""
    if data is None:
        return None, None
    if isinstance(data, str):
        return inline_data.bytes_of(data), None
    if not isinstance(data, list):
        raise Refusal(400, "invalid_data", "`data` takes an array of objects, a base64 data URL, or null.")
    _check_count(data, given, settings)
    if not data:
        raise Refusal(400, "invalid_data", "`data` has no item; for an upload URL give null.")
    same_fields = given.get("blank_cells") == BlankCells.CLEAR
    return inline_data.csv_of(data, same_fields=same_fields), json.dumps(data, ensure_ascii=False).encode()


def _asked(
    request: Request,
    given: Mapping[str, Any],
    content: bytes | BinaryIO | None,
    items: bytes | None,
    *,
    settings: Settings,
) -> Asked:
    resource = given.get("resource")
    if not isinstance(resource, str) or resource not in RESOURCES:
        raise _invalid(f"resource: takes {' or '.join(RESOURCES)}", "resource")
    name = given.get("name")
    if name is not None and (not isinstance(name, str) or "\0" in name):
        raise _invalid("name: takes 3 to 127 characters", "name")
    options = {key: value for key, value in given.items() if key not in _BESIDE}
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
        # The file was made here, so nothing is guessed of it.
        options = {**options, "encoding": "utf-8", "delimiter": ",", "quote": '"', "header_line": 1}
    try:
        checked = import_options.options_of(resource, options, name)
    except InvalidOption as error:
        raise _invalid(str(error), str(error).partition(":")[0]) from None
    if checked.action is Action.REVERT or checked.parts or checked.max_age:
        raise _invalid(
            "action, parts, max_age: a file that is sent is one file and is not reverted", "action"
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
            400, "invalid_request", f"An idempotency key takes 1 to {_LONGEST_KEY} printable characters."
        )
    rest = {name: value for name, value in given.items() if name != "idempotency_key"}
    return Asked(resource, checked, name, content, items, key, _fingerprint(request, rest, content))


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


async def _form(request: Request) -> FormData:
    from starlette.exceptions import HTTPException

    try:
        return await request.form(max_files=1, max_fields=64)
    except HTTPException as error:
        raise Refusal(400, "invalid_request", f"The form cannot be read: {error.detail}") from None


def _of_form(form: FormData) -> dict[str, Any]:
    """Read a form's texts as the types that their options have; an empty text is not given."""
    given: dict[str, Any] = {}
    for name, text in form.items():
        if name == "file":
            continue
        if not isinstance(text, str):
            raise _invalid(f"{name}: is a file; the file to import is the part `file`", name)
        if text == "" and name != "quote":
            continue
        bodies.check_text(text)
        given[name] = _typed(name, text)
    return given


def _typed(name: str, text: str) -> Any:
    if name == "column_mapping":
        return bodies.parsed(text.encode())
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


def _name_of(file_name: str | None) -> str | None:
    """Return the last part of a file's name, if it can be the name of an import."""
    name = (file_name or "").replace("\\", "/").rpartition("/")[2]
    return name if name.isprintable() and len(name) in _NAMES else None


def _invalid(message: str, field: str) -> Refusal:
    errors = [{"code": "invalid_option", "field": field, "message": message}]
    return Refusal(400, "invalid_option", message[:1000], errors=errors)
