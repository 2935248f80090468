"""Both ways of writing give the same records, counts, histories and plans of reverts.

The same steps are taken in two organizations, in one with editions and in the other in place.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from imports_pipeline.model.imports import Import
from imports_pipeline_tests.overwrite import Runs

_ORGANIZATIONS = count(1)
#: The step, and the external ids that it is about.
STEPS = st.tuples(
    st.sampled_from(["merge", "merge", "overwrite", "delete", "by hand", "revert", "revert dry", "revert earlier"]),
    st.sets(st.integers(0, 5), min_size=1, max_size=5),
)  # fmt: skip


class Story:
    """The steps that were taken in one organization, and what they left, without ids and times."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.done: list[Import] = []
        self.names: dict[str, str] = {}

    def start(self) -> None:
        """Store the first records, with links."""
        self.runs.locations("Berlin")
        self.runs.completed("name,resource\nA,contact\nB,contact\n", "group")
        rows = "".join(f"n{i},E-{i},n{i}@example.com,old,{'AB'[i % 2]},x{i}\n" for i in range(5))
        self._note(self.runs.completed(f"name,external_id,email,notes,groups,metadata.unit\n{rows}"))

    def step(self, number: int, kind: str, keys: set[int]) -> Any:
        """Take a step and return what it has done."""
        runs, stored = self.runs, self._stored()
        if kind in ("merge", "overwrite"):
            linked = ",groups.add" if number % 2 else ""
            rows = "".join(
                f"n{i},E-{i},step {number if i % 3 else 'same'},y{number}{',A' if linked else ''}\n"
                for i in sorted(keys)
            )
            return self._note(
                runs.run(
                    f"name,external_id,notes,metadata.desk{linked}\n{rows}",
                    action=kind,
                    max_deletions=99 if kind == "overwrite" else None,
                    bad_cells="reject",
                )
            )
        if kind == "delete":
            ids = [stored[f"E-{i}"] for i in sorted(keys) if f"E-{i}" in stored]
            if not ids:
                return None
            return self._note(runs.run("id\n" + "\n".join(ids) + "\n", action="delete"))
        if kind == "by hand":
            runs.query(
                "UPDATE contacts SET phone = %s, updated_at = clock_timestamp(), updated_by = 'me'"
                " WHERE organization_id = %s AND external_id = %s RETURNING id",
                f"+4179000{number:04d}", runs.organization, f"E-{min(keys)}",
            )  # fmt: skip
            return None
        reverted = self.done[-1] if kind != "revert earlier" else self.done[len(self.done) // 2]
        if reverted.written_at is None or reverted.reverts is not None:
            return None
        done = runs.revert(reverted, dry_run=kind == "revert dry")
        plan = sorted(self._named(json.dumps(row, sort_keys=True)) for row in runs.plan(done))
        return done.plan, done.stats, [_without_times(row) for row in plan], self._note(done)

    def state(self) -> Any:
        """Return the records, their links and their histories."""
        histories = {}
        for id_ in (known for known in self.names if known.startswith("ctct_")):
            entries = self.runs.history(id_)
            histories[self._named(id_)] = [
                (self._named(entry["import_id"] or ""), entry["operation"], self._changes(entry["changes"]))
                for entry in entries
            ]
        records = self.runs.records()
        times = {one.written_at: f"step {n}" for n, one in enumerate(self.done)}
        shown = [
            {name: self._shown(value, times) for name, value in record.items() if name not in _UNSTABLE}
            for record in records
        ]
        return shown, histories

    def _note(self, import_: Import) -> Any:
        self.names[import_.id] = f"<import {len(self.done)}>"
        self.done.append(import_)
        self._stored()
        return import_.status, import_.stats, import_.plan, [(p["name"], p["total"]) for p in import_.phases]

    def _stored(self) -> dict[str, str]:
        rows = self.runs.query(
            "SELECT id, external_id AS key FROM contacts WHERE organization_id = %s"
            " UNION ALL SELECT id, name FROM groups WHERE organization_id = %s",
            self.runs.organization, self.runs.organization,
        )  # fmt: skip
        for row in rows:
            # A record that is made again under the external id of a deleted one has another number.
            same = sum(name.startswith(f"<{row['key']}.") for name in self.names.values())
            self.names.setdefault(row["id"], f"<{row['key']}.{same}>")
        return {row["key"]: row["id"] for row in rows}

    def _named(self, text: str) -> str:
        for id_, name in self.names.items():
            text = text.replace(id_, name)
        return text.replace(self.runs.organization, "<organization>")

    def _changes(self, changes: Any) -> str:
        return self._named(json.dumps(changes, sort_keys=True))

    def _shown(self, value: Any, times: dict[Any, str]) -> Any:
        return times.get(value, "by hand") if hasattr(value, "tzinfo") else self._named(str(value))


_UNSTABLE = {"ctid", "xmin"}


def _without_times(row: str) -> str:
    found = json.loads(row)
    if isinstance(found["changes"], dict):
        found["changes"] = {
            k: v for k, v in found["changes"].items() if k not in ("created_at", "updated_at")
        }
    return json.dumps(found, sort_keys=True)


@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(STEPS, min_size=4, max_size=5))
def test_the_same_steps_end_the_same_both_ways(
    runs: Runs, in_place: Runs, steps: list[tuple[str, set[int]]]
) -> None:
    number = next(_ORGANIZATIONS)
    stories = []
    for one in (runs, in_place):
        own = Runs(one.workflow, f"{one.organization}-{number}", one.folder)
        stories.append(Story(own))
        stories[-1].start()
    for place, (kind, keys) in enumerate(steps):
        ends = [story.step(place, kind, keys) for story in stories]
        assert ends[0] == ends[1], (place, kind)
        states = [story.state() for story in stories]
        assert states[0] == states[1], (place, kind)


@pytest.mark.parametrize("resource", ["group"])
def test_groups_too(runs: Runs, in_place: Runs, resource: str) -> None:
    ends = []
    for one in (runs, in_place):
        one.completed("name,external_id\nAnn,E-1\nBob,E-2\n")
        one.completed("name,resource,external_id,children\nA,contact,G-1,Ann\nB,contact,G-2,Bob\n", resource)
        before = one.records(resource)
        done = one.completed(
            "name,resource,external_id,children.add\nAA,contact,G-1,Bob\nC,contact,G-3,\n",
            resource,
            action="overwrite",
            max_deletions=1,
            match_on="external_id",
        )
        after = [(row["name"], row["external_id"], row["children"]) for row in one.records(resource)]
        reverted = one.revert(done)
        back = [(row["name"], row["external_id"], row["children"]) for row in one.records(resource)]
        assert back == [(row["name"], row["external_id"], row["children"]) for row in before]
        ends.append((done.stats, after, reverted.plan, back))
    assert ends[0] == ends[1]
    relations = runs.query(
        "SELECT relation::text FROM records.editions WHERE organization_id = %s AND resource = 'group'",
        runs.organization,
    )
    assert len(relations) == 2
