"""Run tags that the Runs page does not show any more: their new names on runs whose work has not ended.

A run finds its import by such a tag. During the upgrade, runs may wait in Dagster's queue, and a run may have failed
whose import the sensors have not ended yet.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

_NAMES = ("id", "organization", "size", "sync", "write_lock", "process")


def upgrade() -> None:
    """Rename the tags to their hidden names."""
    _rename({f"imports/{name}": f".dagster/imports_{name}" for name in _NAMES})


def downgrade() -> None:
    """Rename the tags to their former names."""
    _rename({f".dagster/imports_{name}": f"imports/{name}" for name in _NAMES})


def _rename(names: dict[str, str]) -> None:
    if op.get_bind().exec_driver_sql("SELECT to_regclass('dagster.run_tags')").scalar() is None:
        return
    (id_tag,) = (old for old in names if old.endswith("id"))
    op.execute(
        f"""
        CREATE TEMP TABLE renamed_runs AS
        SELECT run_id FROM dagster.runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')
        UNION
        SELECT t.run_id FROM dagster.run_tags t JOIN imports i ON i.id = t.value
        WHERE t.key = '{id_tag}' AND i.status IN ('requested', 'queued', 'processing')
        """
    )
    runs = "run_id IN (SELECT run_id FROM renamed_runs)"
    for old, new in names.items():
        op.execute(f"UPDATE dagster.run_tags SET key = '{new}' WHERE key = '{old}' AND {runs}")
        # Dagster stores the tags a second time, in the JSON of the run.
        op.execute(
            f"UPDATE dagster.runs SET run_body = replace(run_body, '\"{old}\"', '\"{new}\"') WHERE {runs}"
        )
    op.execute("DROP TABLE renamed_runs")
