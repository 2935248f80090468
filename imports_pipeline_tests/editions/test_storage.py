"""How the records of an edition are stored."""

from __future__ import annotations

from dataclasses import replace

from imports_pipeline_tests.editions.conftest import NEVER
from imports_pipeline_tests.editions.test_tables import CHANGED, STORED
from imports_pipeline_tests.journeys.faults import until
from imports_pipeline_tests.overwrite import Runs


def test_an_edition_has_the_storage_parameters_of_the_shared_table(runs: Runs) -> None:
    runs.completed(STORED)
    with runs.workflow.database.connect() as connection:
        connection.execute("ALTER TABLE records.contacts SET (autovacuum_vacuum_cost_delay = 1.5)")
        try:
            runs.completed(CHANGED)
        finally:
            connection.execute("ALTER TABLE records.contacts RESET (autovacuum_vacuum_cost_delay)")
    (edition,) = runs.editions()
    (stored,) = runs.query("SELECT reloptions FROM pg_class WHERE oid = %s::regclass", f"{edition}.contacts")
    assert stored["reloptions"] == ["fillfactor=96", "autovacuum_vacuum_cost_delay=1.5"]


def test_a_small_update_of_an_edition_needs_no_index_entries(runs: Runs) -> None:
    """A changed row finds room in its page, so the entries of the indexes stay (a "heap-only tuple")."""
    rows = [f"Person {n},E-{n},{'as they were ' * 5}\n" for n in range(1_000)]
    for year in ("1999", "2000"):
        runs.completed(f"name,external_id,notes\n{''.join(rows).replace('they', year)}")
    (edition,) = runs.editions()
    changed = "".join(row.replace("they", "2001") for row in rows[::100])
    second = runs.register(f"name,external_id,notes\n{changed}")
    assert runs.finish(second, replace(runs.workflow, large_writes=NEVER)).stats["updated"] == 10

    def updated() -> tuple[int, int]:
        (row,) = runs.query(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE schemaname = %s AND relname = 'contacts'",
            edition,
        )
        return row["n_tup_upd"], row["n_tup_hot_upd"]

    until(lambda: updated()[0] == 10)  # A session reports its counts when it ends.
    assert updated() == (10, 10)
