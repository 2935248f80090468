"""Approvals of imports that a guard has refused: the stored upload is imported again, with a ceiling for its removals.

A final status never changes, so an approval is an import of its own, with the options of the refused one. Its plan is
made again from the records that are stored by then. If that is another plan than the one that was refused and seen, the
approval fails (``plan_changed``), and its new plan can be approved in turn.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any, Final

import psycopg

from imports_pipeline.filestore.stores import Store
from imports_pipeline.model.files import PARTS, UPLOAD, UPLOAD_JSON
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Action
from imports_pipeline.model.option_values import InvalidOption
from imports_pipeline.registry import import_records, import_updates
from imports_pipeline.workflow.decisions.refusable import Undecidable, is_refused, makers, removals

Connection = psycopg.Connection[Any]

_COPIED: Final = (UPLOAD, UPLOAD_JSON, PARTS)


def request_approval(
    connection: Connection,
    store: Store,
    refused: Import,
    *,
    max_deletions: int | None,
    source: str,
    approved_by: str | None,
    plan_checksum: str | None = None,
    four_eyes: bool = False,
) -> Import:
    """Register the import that imports the upload of a refused import again, and return it with status ``requested``.

    Args:
        connection: a connection that may write the organization's imports. It may be in a transaction.
        store: the file store with the upload.
        refused: the import that a guard has refused.
        max_deletions: the number of removals that are approved; ``None`` for the number in the plan of ``refused``.
        source: the way in.
        approved_by: the person or the key that approves.
        plan_checksum: the checksum of the plan that the approver has seen; ``None`` for that of ``refused``.
        four_eyes: True if the approver must not be one who has made the import.

    Raises:
        Undecidable: the import cannot be approved, or not by this person; the message says why, and what to do.
        InvalidOption: ``max_deletions`` is too small.
        OSError: the upload cannot be copied; nothing is registered.
    """
    with connection.transaction():
        # Somebody who approves or rejects it at the same time waits here.
        connection.execute("SELECT FROM imports WHERE id = %s FOR UPDATE", (refused.id,))
        refused = import_records.get_import(connection, refused.id)
        removed = _check(connection, store, refused, plan_checksum)
        if four_eyes:
            _check_approver(connection, refused, approved_by)
        ceiling = removed if max_deletions is None else max_deletions
        if ceiling < removed:
            raise InvalidOption(
                f"The plan of {refused.id} removes {removed:,} records, more than max_deletions {ceiling:,} allows;"
                f" look at its plan file, and approve {removed} if all of them are to go."
            )
        return _register(connection, store, refused, ceiling, source=source, approved_by=approved_by)


def _check(connection: Connection, store: Store, refused: Import, plan_checksum: str | None) -> int:
    """Return the number of records that the refused plan removes. Raise ``Undecidable`` if it cannot be approved."""
    if not is_refused(refused):
        raise Undecidable(
            "nothing_to_approve",
            f"{refused.id} ({refused.status}{f', {refused.code}' if refused.code else ''}) was not refused because"
            " of the records that it would remove; there is nothing to approve.",
        )
    if refused.rejected_by is not None:
        raise Undecidable(
            "already_rejected",
            f"{refused.id} was rejected by {refused.rejected_by} ({refused.rejection_reason}); if the records are to"
            " go after all, import the file again.",
        )
    if refused.approval is not None:
        raise Undecidable(
            "nothing_to_approve", f"{refused.id} has been approved already, by the import {refused.approval}."
        )
    if plan_checksum is not None and plan_checksum != refused.plan_checksum:
        raise Undecidable(
            "plan_changed",
            f"The plan of {refused.id} has another plan_checksum than the one that was given (it is"
            f" {refused.plan_checksum}); nothing was changed. Look at the plan again, and approve it with its own.",
        )
    removed = removals(refused)
    again = f"import the file again with max_deletions {removed}"
    newer = _newer_overwrite(connection, refused)
    if newer is not None:
        raise Undecidable(
            "nothing_to_approve",
            f"{newer} is a newer overwrite of the same {refused.resource}s than {refused.id}, and its values would be"
            f" lost; if the older file is right, {again}.",
        )
    if not refused.has_upload_file or not store.exists(f"{refused.folder}/{UPLOAD}"):
        raise Undecidable("nothing_to_approve", f"The file of {refused.id} is no longer stored; {again}.")
    return removed


def _check_approver(connection: Connection, refused: Import, approved_by: str | None) -> None:
    """Raise ``Undecidable`` if the approver is not known, or has made the import."""
    if not approved_by:
        raise Undecidable(
            "four_eyes", "An approval must say who gives it (IMPORTS_FOUR_EYES); name the approver."
        )
    if approved_by in makers(connection, refused):
        raise Undecidable(
            "four_eyes",
            f"{approved_by} has made {refused.id}, and somebody else must approve it (IMPORTS_FOUR_EYES).",
        )


def _newer_overwrite(connection: Connection, refused: Import) -> str | None:
    """Return an overwrite of records of the same scope that was requested later and was, or will be, written; or None.

    The name of the file does not matter: each overwrite is a whole list. One that was reverted does not count.
    """
    if refused.options.action is not Action.OVERWRITE:
        return None
    row = connection.execute(
        "SELECT id FROM imports n WHERE organization_id = %(organization)s AND resource = %(resource)s"
        " AND action = 'overwrite' AND created_at > %(created_at)s AND approves IS DISTINCT FROM %(id)s"
        " AND (%(location)s::text IS NULL OR location_id IS NULL OR location_id = %(location)s)"
        " AND (written_at IS NOT NULL OR status IN ('requested', 'queued', 'processing')"
        "      AND (upload_expires_at IS NULL OR has_upload_file)"
        "      AND NOT coalesce((options ->> 'dry_run')::boolean, false))"
        " AND NOT EXISTS (SELECT FROM imports r WHERE r.organization_id = n.organization_id AND r.reverts = n.id"
        "                 AND r.written_at IS NOT NULL)"
        " ORDER BY created_at DESC LIMIT 1",
        {
            "id": refused.id,
            "organization": refused.organization_id,
            "resource": refused.resource,
            "created_at": refused.created_at,
            "location": refused.options.location_id,
        },
    ).fetchone()
    return None if row is None else str(row[0])


def _register(
    connection: Connection,
    store: Store,
    refused: Import,
    ceiling: int,
    *,
    source: str,
    approved_by: str | None,
) -> Import:
    assert refused.checksum is not None, "a plan was made of its upload"
    import_ = import_records.create_import(
        connection,
        organization_id=refused.organization_id,
        resource=refused.resource,
        options=replace(refused.options, max_deletions=ceiling),
        source=source,
        name=refused.name,
        created_by=approved_by,
        approves=refused.id,
        approved_by=approved_by,
        expected_plan_checksum=refused.plan_checksum,
        via=refused.via,
    )
    copy_upload(store, refused, import_)
    import_updates.update_import(connection, import_.id, checksum=refused.checksum, has_upload_file=True)
    return import_records.get_import(connection, import_.id)


def copy_upload(store: Store, stored: Import, to: Import) -> None:
    """Copy the upload of an import to a new import, whose folder is deleted if that fails."""
    before, after = store.folder(stored.folder), store.folder(to.folder)
    try:
        for name in _COPIED:
            if before.exists(name):
                with before.open_read(name) as file, after.open_write(name) as copy:
                    shutil.copyfileobj(file, copy, 1 << 20)
    except BaseException:
        store.delete_folder(to.folder)
        raise
