"""Settings from environment variables. Only this module reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Settings:
    """The settings of one installation, each with its environment variable."""

    #: The folder of the embedded database, the file store and keys (``IMPORTS_HOME``).
    home: Path
    #: The largest number of rows in mode ``sync`` (``IMPORTS_SYNC_ROWS``).
    sync_rows: int = 10_000
    #: The largest number of bytes in mode ``sync`` (``IMPORTS_SYNC_BYTES``).
    sync_bytes: int = 10 * 1024 * 1024
    #: The largest number of rows of one file, in any mode (``IMPORTS_ROWS``).
    rows: int = 100_000_000
    #: The largest unpacked size of a gzip or zip file in bytes; of a workbook at most 1 GiB
    #: (``IMPORTS_UNPACKED_BYTES``).
    unpacked_bytes: int = 10 * 1024**3
    #: The largest ratio of unpacked to packed size for files over 64 MiB (``IMPORTS_UNPACKED_RATIO``).
    unpacked_ratio: int = 100
    #: Days for which the state of records before an import is kept (``IMPORTS_HISTORY_DAYS``).
    history_days: int = 30
    #: Days for which the files of an ended import are kept (``IMPORTS_FILES_DAYS``).
    files_days: int = 90
    #: Days for which a dropped file is kept in ``done/`` or ``failed/``; 0 means forever (``IMPORTS_DROPPED_DAYS``).
    dropped_days: int = 365
    #: Days after which Dagster's events of a run are removed, but for the results of the import; 0 means never
    #: (``IMPORTS_RUN_EVENT_DAYS``).
    run_event_days: int = 14
    #: Days after which Dagster's runs are removed; 0 means never (``IMPORTS_RUN_DAYS``).
    run_days: int = 365
    #: Seconds a night for removing files, and as many for removing Dagster's records (``IMPORTS_RETENTION_SECONDS``).
    retention_seconds: int = 600
    #: The file store: ``s3://bucket/prefix`` or a folder; empty means ``files`` in ``home`` (``STORE_URL``).
    store_url: str = ""
    #: The public URL of the HTTP API, which serves the local store's signed URLs (``IMPORTS_API_URL``).
    api_url: str = "http://127.0.0.1:8000"
    #: The largest body of a request in bytes, which may contain the file (``IMPORTS_API_BYTES``).
    api_bytes: int = 32 * 1024 * 1024
    #: Requests that one API key may make in a minute; 0 means no limit (``IMPORTS_API_RATE``).
    api_rate: int = 600
    #: Processes that run imports for waiting API callers (``IMPORTS_API_WORKERS``).
    api_workers: int = 2
    #: The largest unpacked size in bytes of a file in a request's body (``IMPORTS_API_UNPACKED_BYTES``).
    api_unpacked_bytes: int = 256 * 1024 * 1024
    #: The largest number of rows, or items, in a request's body (``IMPORTS_API_ROWS``).
    api_rows: int = 1_000_000
    #: An API worker process that keeps more bytes of memory is replaced (``IMPORTS_API_WORKER_BYTES``).
    api_worker_bytes: int = 512 * 1024 * 1024
    #: The largest file in bytes that an upload URL accepts (``IMPORTS_UPLOAD_BYTES``).
    upload_bytes: int = 5 * 1024**3
    #: Seconds for which an upload URL is valid (``IMPORTS_UPLOAD_SECONDS``).
    upload_seconds: int = 3600
    #: The largest number of dropped files that one sensor tick imports (``IMPORTS_UPLOADS_A_TICK``).
    uploads_a_tick: int = 50
    #: ``move`` or ``leave``: what happens to a dropped file after its import (``IMPORTS_UPLOADS_AFTER``).
    uploads_after: str = "move"
    #: The YAML file of scheduled syncs (``IMPORTS_SYNCS``).
    syncs: Path | None = None
    #: The folder of the user's own known files (``IMPORTS_KNOWN_FILES``).
    known_files: Path | None = None
    #: The webhook, in Slack's format, that reports failed imports; the URL is a secret (``IMPORTS_WEBHOOK_URL``).
    webhook_url: str = field(default="", repr=False)
    #: Who has made an import may not approve it, and its options do not approve its removals (``IMPORTS_FOUR_EYES``).
    four_eyes: bool = False
    #: The public URL of the pages, for links; empty if there are none (``IMPORTS_PAGES_URL``).
    pages_url: str = ""
    #: The public URL of Dagster's web server, for links (``IMPORTS_DAGSTER_URL``).
    dagster_url: str = "http://127.0.0.1:3000"
    #: The name of Dagster's code location, for the runs of commands and the HTTP API (``IMPORTS_CODE_LOCATION``).
    code_location: str = "imports_pipeline"
    #: Processes that read one large upload (``IMPORTS_WORKERS``).
    workers: int = 1
    #: The approximate size in bytes of the range that such a process reads at a time (``IMPORTS_PART_BYTES``).
    part_bytes: int = 64 * 1024 * 1024
    #: The Dask cluster that reads large uploads, in place of local processes (``DASK_SCHEDULER_ADDRESS``).
    dask_address: str = ""
    #: An import whose file has more bytes than this is large (``IMPORTS_LARGE_BYTES``).
    large_bytes: int = 256 * 1024 * 1024
    #: Tags of the runs of large imports, in addition to their size (``IMPORTS_LARGE_RUN_TAGS``).
    large_run_tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    #: The ``dagster.yaml``: a folder of ``deploy``, or a path; empty means that of one machine
    #: (``IMPORTS_DEPLOYMENT``).
    deployment: str = ""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings of an environment.

        Raises:
            ValueError: a variable is invalid; the message names it.
        """
        return cls(
            home=Path(environ.get("IMPORTS_HOME") or ".imports").resolve(),
            sync_rows=_number(environ, "IMPORTS_SYNC_ROWS", cls.sync_rows),
            sync_bytes=_number(environ, "IMPORTS_SYNC_BYTES", cls.sync_bytes),
            rows=max(1, _number(environ, "IMPORTS_ROWS", cls.rows)),
            unpacked_bytes=max(1, _number(environ, "IMPORTS_UNPACKED_BYTES", cls.unpacked_bytes)),
            unpacked_ratio=max(1, _number(environ, "IMPORTS_UNPACKED_RATIO", cls.unpacked_ratio)),
            history_days=_number(environ, "IMPORTS_HISTORY_DAYS", cls.history_days),
            files_days=_number(environ, "IMPORTS_FILES_DAYS", cls.files_days),
            dropped_days=_number(environ, "IMPORTS_DROPPED_DAYS", cls.dropped_days),
            run_event_days=_number(environ, "IMPORTS_RUN_EVENT_DAYS", cls.run_event_days),
            run_days=_number(environ, "IMPORTS_RUN_DAYS", cls.run_days),
            retention_seconds=_number(environ, "IMPORTS_RETENTION_SECONDS", cls.retention_seconds),
            four_eyes=_one_of(environ, "IMPORTS_FOUR_EYES", ("false", "true")) == "true",
            pages_url=environ.get("IMPORTS_PAGES_URL", "").rstrip("/"),
            webhook_url=environ.get("IMPORTS_WEBHOOK_URL", ""),
            dagster_url=(environ.get("IMPORTS_DAGSTER_URL") or cls.dagster_url).rstrip("/"),
            code_location=environ.get("IMPORTS_CODE_LOCATION") or cls.code_location,
            store_url=_store_url(environ.get("STORE_URL", "")),
            api_url=environ.get("IMPORTS_API_URL") or cls.api_url,
            api_bytes=_number(environ, "IMPORTS_API_BYTES", cls.api_bytes),
            api_rate=_number(environ, "IMPORTS_API_RATE", cls.api_rate),
            api_workers=max(1, _number(environ, "IMPORTS_API_WORKERS", cls.api_workers)),
            api_unpacked_bytes=max(1, _number(environ, "IMPORTS_API_UNPACKED_BYTES", cls.api_unpacked_bytes)),
            api_rows=max(1, _number(environ, "IMPORTS_API_ROWS", cls.api_rows)),
            api_worker_bytes=_number(environ, "IMPORTS_API_WORKER_BYTES", cls.api_worker_bytes),
            upload_bytes=_number(environ, "IMPORTS_UPLOAD_BYTES", cls.upload_bytes),
            upload_seconds=max(1, _number(environ, "IMPORTS_UPLOAD_SECONDS", cls.upload_seconds)),
            uploads_a_tick=max(1, _number(environ, "IMPORTS_UPLOADS_A_TICK", cls.uploads_a_tick)),
            uploads_after=_one_of(environ, "IMPORTS_UPLOADS_AFTER", ("move", "leave")),
            workers=max(1, _number(environ, "IMPORTS_WORKERS", cls.workers)),
            part_bytes=max(1, _number(environ, "IMPORTS_PART_BYTES", cls.part_bytes)),
            dask_address=environ.get("DASK_SCHEDULER_ADDRESS", ""),
            large_bytes=_number(environ, "IMPORTS_LARGE_BYTES", cls.large_bytes),
            large_run_tags=_run_tags(environ, "IMPORTS_LARGE_RUN_TAGS"),
            deployment=environ.get("IMPORTS_DEPLOYMENT", ""),
            syncs=_path(environ, "IMPORTS_SYNCS"),
            known_files=_path(environ, "IMPORTS_KNOWN_FILES"),
        )


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise ValueError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]).absolute() if environ.get(name) else None


def _run_tags(environ: Mapping[str, str], name: str) -> dict[str, str]:
    """Return run tags from a JSON object; a value that is not a string becomes JSON text, as in Dagster."""
    text = environ.get(name, "").strip()
    if not text:
        return {}
    wanted = f'{name} must be a JSON object of run tags, such as {{"dagster-celery/queue": "large"}}'
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{wanted}; this is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise ValueError(f"{wanted}, not {text!r}")
    for key, value in given.items():
        if value is None or value == "":
            raise ValueError(f"{wanted}; {key!r} has no value")
        if key.startswith(("imports/", ".dagster/")):
            raise ValueError(
                f"{name} may not set {key!r}: tags that begin with imports/ or .dagster/ are set by the system"
            )
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}


def _one_of(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    text = environ.get(name) or choices[0]
    if text not in choices:
        raise ValueError(f"{name} must be {' or '.join(choices)}, not {text!r}")
    return text


def _store_url(text: str) -> str:
    """Return ``s3://bucket/prefix`` or the absolute path of a folder.

    The error messages do not repeat the text, because a refused URL may hold a secret.
    """
    if "://" not in text:
        return str(Path(text).resolve()) if text else ""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(
            "STORE_URL is not a URL; set it to s3://bucket/prefix or the path of a folder"
        ) from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            "STORE_URL may have a bucket and a prefix only; set credentials and the endpoint in the AWS variables"
            " (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)"
        )
    if parts.scheme == "file" and not parts.netloc and parts.path.strip("/"):
        return str(Path(unquote(parts.path)).resolve())
    if parts.scheme == "s3" and parts.netloc:
        return f"s3://{parts.netloc}/{parts.path.strip('/')}".rstrip("/")
    if parts.scheme == "s3":
        raise ValueError("STORE_URL names no bucket; set it to s3://bucket/prefix")
    raise ValueError(f"STORE_URL must be s3://bucket/prefix or the path of a folder, not {parts.scheme}://")
