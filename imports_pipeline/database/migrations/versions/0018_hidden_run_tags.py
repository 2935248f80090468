"""Run tags that the Runs page does not show any more: their new names on runs that have not ended.

A run finds its import by such a tag, and some runs may wait in Dagster's queue during the upgrade.
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
    unfinished = "status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
    for old, new in names.items():
        op.execute(
            f"UPDATE dagster.run_tags SET key = '{new}' WHERE key = '{old}'"
            f" AND run_id IN (SELECT run_id FROM dagster.runs WHERE {unfinished})"
        )
        # Dagster stores the tags a second time, in the JSON of the run.
        op.execute(
            f"UPDATE dagster.runs SET run_body = replace(run_body, '\"{old}\"', '\"{new}\"') WHERE {unfinished}"
        )
