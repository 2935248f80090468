"""Text that psycopg could read as a placeholder of a statement is stored, compared, shown and restored as it is."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from psycopg import sql

import imports_pipeline
from imports_pipeline.database.literals import literal
from imports_pipeline.model.statuses import Status
from imports_pipeline_tests.journeys import Imports
from imports_pipeline_tests.overwrite import Runs

KEYS = ["50%", "50%%", "%s", "%(organization)s", "%b", "{}", "{0}", "$1", "a'b", "back\\slash", "%'\\x25"]
ODD = "50%% %s %(organization)s {}"


def _content(value: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["external_id", "name", *(f"metadata.{key}" for key in KEYS)])
    writer.writerow([ODD, ODD, *(f"{value} {key}" for key in KEYS)])
    return text.getvalue()


@pytest.fixture
def odd(runs: Runs) -> Runs:
    """An organization whose own id looks like placeholders."""
    runs.organization += " %s %(organization)s 100%%"
    return runs


def test_metadata_keys_are_stored_updated_planned_exported_and_restored(odd: Runs) -> None:
    first = odd.run(_content("one"))
    assert (first.status, first.stats["created"]) == (Status.COMPLETED, 1), first.reason
    stored = {key: f"one {key}" for key in KEYS}
    assert _metadata(odd) == stored
    again = odd.run(_content("one"))
    assert again.stats["unchanged"] == 1
    (line,) = odd.plan(odd.dry_run(_content("two")))
    assert line["changes"] == {f"metadata.{key}": {"old": f"one {key}", "new": f"two {key}"} for key in KEYS}
    exported = odd.run(odd.export())
    assert (exported.stats["unchanged"], exported.stats["rejected"]) == (1, 0), exported.reason
    update = odd.run(_content("two"))
    assert update.stats["updated"] == 1
    assert _metadata(odd) == {key: f"two {key}" for key in KEYS}
    odd.revert(update)
    assert _metadata(odd) == stored
    cleared = odd.run("external_id,metadata.%s\n" + f'"{ODD}",\n', blank_cells="clear", action="overwrite")
    assert cleared.stats["updated"] == 1, cleared.reason
    assert _metadata(odd).keys() == set(KEYS) - {"%s"}


def _metadata(imports: Imports) -> dict[str, str]:
    (record,) = imports.records()
    return dict(record["metadata"])


@pytest.mark.parametrize("text", [*KEYS, ODD, "", "%", "%%", "\\%'%\\"])
def test_a_literal_arrives_as_it_is_with_and_without_parameters(imports: Imports, text: str) -> None:
    with imports.workflow.database.connect() as connection:
        statement = sql.SQL("SELECT {}::text").format(literal(text))
        assert connection.execute(statement).fetchone() == (text,)
        statement = sql.SQL("SELECT {}::text, %(other)s::text").format(literal(text))
        assert connection.execute(statement, {"other": "%s"}).fetchone() == (text, "%s")


def test_no_statement_holds_another_kind_of_literal() -> None:
    package = Path(imports_pipeline.__file__).parent
    holding = [path.name for path in package.rglob("*.py") if re.search(r"\bLiteral\(", path.read_text())]
    assert holding == ["literals.py"]
