"""How often validation reads the staged items: a create that has nothing to compare with reads them once."""

from __future__ import annotations

import psycopg
import pytest

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.batch_phases.validation import validate
from imports_pipeline.model.imports import Import
from imports_pipeline.model.phases import CHECKING_PHASES
from imports_pipeline.registry import import_records
from imports_pipeline_tests.journeys import Imports

ROWS = "name,email,external_id,metadata.unit\nAda,ada@example.com,17,a\nBob,bob@example.com,18,b\n"


def parsed(imports: Imports, content: str, **options: object) -> Import:
    """Run phases 1 to 4."""
    import_ = imports.register(content, **options)
    for phase in CHECKING_PHASES[:-1]:
        imports.workflow.check(import_.id, phase)
    return import_


def scans_of_validation(imports: Imports, import_: Import) -> int:
    """Run validation, return how often it has read the table of items, and roll it back."""
    with imports.workflow.database.connect() as connection, connection.transaction() as transaction:
        batch = import_records.get_batch_of(connection, import_.id)
        result = validate(batch, imports.workflow.files(import_), connection)
        assert Staging(batch.id).count(connection) == result.facts["staged"]
        table = f"items_{batch.id.removeprefix('btch_')}"
        query = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = %s"
        row = connection.execute(query, (table,)).fetchone()
        assert row is not None
        # The line above that counts the items has read them too.
        scans = int(row[0]) - 1
        raise psycopg.Rollback(transaction)
    return scans


@pytest.mark.parametrize("action", ["merge", "overwrite"])
def test_rows_that_are_all_new_are_read_once(imports: Imports, action: str) -> None:
    import_ = parsed(imports, ROWS, action=action)
    assert scans_of_validation(imports, import_) == 1
    done = imports.finish(import_)
    assert (done.stats["created"], done.stats["updated"], done.stats["unchanged"]) == (2, 0, 0)


def test_new_rows_beside_stored_ones_are_compared(imports: Imports) -> None:
    """The rows are counted, compared, and searched for lost zeros."""
    imports.completed(ROWS)
    more = parsed(imports, ROWS.replace(",b\n", ",c\n") + "Cid,cid@example.com,19,c\n")
    assert scans_of_validation(imports, more) == 3
    done = imports.finish(more)
    assert (done.stats["created"], done.stats["updated"], done.stats["unchanged"]) == (1, 1, 1)


def test_items_are_counted_again_after_a_rejection(imports: Imports) -> None:
    """The row with an unknown id is a known item until validation rejects it."""
    unknown = "ctct_01jd7xs5zmf8b8h8wf0e4kr7qa"
    import_ = imports.finish(parsed(imports, f"id,name\n{unknown},Ada\n,Bob\n"))
    assert [error["errors"][0]["code"] for error in imports.errors(import_)] == ["unknown_id"]
    assert (import_.stats["created"], import_.stats["unchanged"], import_.stats["rejected"]) == (1, 0, 1)
