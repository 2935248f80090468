"""Two organizations to which the same happens, one with a memory and one without: all that is left is the same."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from imports_pipeline.database.editions import reading_records
from imports_pipeline.model.files import NEW_ROWS, PLAN_CSV, REMEMBERED, REMOVALS
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.import_workflow import ImportWorkflow
from imports_pipeline.workflow.revert import request_revert, run_revert
from imports_pipeline_tests.memory import sql_changes
from imports_pipeline_tests.memory.nights import LINKED, WRITINGS, Nights
from imports_pipeline_tests.overwrite import Runs
from imports_pipeline_tests.overwrite.crashes.fault_points import Crash, TappedDatabase

_IDS = re.compile(r"(?:ctct|grp|loc|imp|btch)_[0-9a-z]{26}")

#: The kinds of steps, each as often as it is here.
STEPS = (
    *("night",) * 8,
    *("again", "sql") * 2,
    *("dry_run", "other", "remove", "revert", "damage", "queued", "same"),
)


#: Changes of groups and memberships in SQL. The organization and the id of a contact are the last parameters.
LINK_CHANGES = {
    "unlink": "DELETE FROM memberships WHERE organization_id = %s AND member_id = %s",
    "link": (
        "INSERT INTO memberships SELECT g.organization_id, g.id, c.id FROM groups g JOIN contacts c"
        " USING (organization_id) WHERE g.name = 'Red' AND organization_id = %s AND c.id = %s ON CONFLICT DO NOTHING"
    ),
    "move": (
        "INSERT INTO contact_locations (organization_id, contact_id, location_id) SELECT organization_id, c.id, l.id"
        " FROM locations l JOIN contacts c USING (organization_id)"
        " WHERE l.name = 'Red' AND organization_id = %s AND c.id = %s ON CONFLICT DO NOTHING"
    ),
    "group": (
        "UPDATE groups g SET name = CASE g.name WHEN 'Blue' THEN 'Yellow' ELSE 'Blue' END FROM contacts c"
        " WHERE g.name IN ('Blue', 'Yellow') AND g.organization_id = %s AND c.id = %s"
        " AND NOT EXISTS (SELECT FROM groups o WHERE o.organization_id = g.organization_id AND o.id <> g.id"
        " AND o.name IN ('Blue', 'Yellow'))"
    ),
}


class World:
    """One of the organizations. Ids are shown by the order in which they were made."""

    def __init__(
        self, workflow: ImportWorkflow, organization: str, folder: Path, remember: str, made: Counter[str]
    ) -> None:
        self.runs = Runs(workflow, organization, folder)
        self.remember = remember
        self.made = made
        self.known: dict[str, str] = {}
        self.imports: list[Import] = []
        self.open: list[Import] = []
        self.locations: dict[str, str] = {}

    def register(self, text: str | bytes, options: dict[str, Any]) -> Import:
        """Record an import of a file; the options have the name of the location."""
        location = self.locations.get(options.get("location_id", ""))
        return self.runs.register(text, remember=self.remember, **{**options, "location_id": location})

    def plain(self, text: str) -> str:
        """Return a text with names for its ids."""
        return _IDS.sub(lambda found: self.known.setdefault(found[0], f"<{len(self.known)}>"), text)

    def ids(self) -> list[str]:
        """Return the ids of the stored contacts, in the order in which they were made."""
        return [
            row["id"]
            for row in self.runs.query(
                "SELECT id FROM contacts WHERE organization_id = %s ORDER BY id", self.runs.organization
            )
        ]

    def stored(self) -> str:
        """Return all records and their history, without times."""
        for record_id in self.ids():
            self.plain(record_id)
        rows = []
        for table, order in (("contacts", "id"), ("contacts_history", "id, import_id")):
            found = self.runs.query(
                f"SELECT * FROM {table} WHERE organization_id = %s ORDER BY {order}", self.runs.organization
            )
            rows += [
                {name: value for name, value in row.items() if not name.endswith("_at")} for row in found
            ]
        for row in rows:
            row.pop("organization_id")
        return self.plain(json.dumps(rows, default=str)) + json.dumps(self._links())

    def _links(self) -> list[str]:
        """Return the groups, their members and the changes of members, without times."""
        found = []
        for statement in (
            "SELECT name, resource, external_id, id FROM groups WHERE organization_id = %s ORDER BY name",
            "SELECT group_id, member_id FROM memberships WHERE organization_id = %s",
            "SELECT contact_id, location_id FROM contact_locations WHERE organization_id = %s",
            "SELECT import_id, relation, own, other, added FROM links_history WHERE organization_id = %s",
        ):
            rows = self.runs.query(statement, self.runs.organization)
            found += sorted(self.plain(json.dumps(row)) for row in rows)
        return found

    def trying(self, run: Callable[[], Import], crash: int | None) -> Import:
        """Run phases, which may break off at a statement for PostgreSQL and are then run again."""
        database = self.runs.workflow.database
        if crash is None or not isinstance(database, TappedDatabase):
            return run()
        database.tap.arm(crash)
        try:
            done = run()
        except Crash:
            done = None
        finally:
            database.tap.arm(None)
        # psycopg ignores an error of a rollback, so the crash may be found by the import's status only.
        if done is None or done.status is Status.REQUESTED:
            self.made["crash"] += 1
            done = run()
        return done

    def shown(self, import_: Import) -> dict[str, Any]:
        """Return everything that an import has left, without times."""
        self.stored()
        import_ = self.runs.workflow.get(import_.id)
        files = self.runs.workflow.files(import_)
        texts = {}
        for name in (PLAN_CSV, REMOVALS):
            if files.exists(name):
                with files.open_read(name) as file:
                    texts[name] = self.plain(
                        re.sub(r'"\d{4}-\d\d-\d\dT[^"]*"', '"time"', file.read().decode())
                    )
        notices = [one for one in import_.notices if one["code"] != "memory_not_used"]
        return {
            "status": (import_.status, import_.code, self.plain(import_.reason or "")),
            "stats": import_.stats,
            "plan": import_.plan,
            "phases": [[one[n] for n in ("name", "total", "success", "error")] for one in import_.phases],
            "notices": self.plain(json.dumps(notices)),
            "detected": {n: v for n, v in import_.detected.items() if n != "remembered"},
            "errors": self.plain(self.runs.errors_file(import_)),
            **texts,
        }


class Worlds:
    """The same steps in both organizations, drawn by chance."""

    def __init__(
        self,
        workflow: ImportWorkflow,
        plain: ImportWorkflow,
        organization: str,
        folder: Path,
        seed: int,
        made: Counter[str],
    ) -> None:
        self.chance = random.Random(seed)
        self.nights = Nights(self.chance)
        self.nights.keyed = self.chance.random() < 0.7
        self.nights.links = self.chance.choice(
            (None, None, "groups", "groups.add", "groups.remove", "locations")
        )
        self.nights.writing = self.chance.choice(WRITINGS)
        self.nights.begin(self.chance.randint(3, 60))
        self.worlds = [
            World(workflow, f"{organization}-with", folder, "auto", made),
            World(plain, f"{organization}-without", folder, "off", made),
        ]
        self.action = self.chance.choice(("merge", "overwrite"))
        self.made = made
        self.nights.is_located = self.chance.random() < 0.3
        if self.nights.links is not None or self.nights.is_located:
            groups = "".join(f"{name},contact\n" for name in LINKED)
            for world in self.worlds:
                world.runs.completed(f"name,resource\n{groups}", "group")
                world.locations = world.runs.locations(*LINKED)
        self.last: tuple[bytes, dict[str, Any]] = (b"", {})

    def step(self) -> None:
        """Let something happen, and compare."""
        kind = self.chance.choice(STEPS)
        self.made["step"] += 1
        self.made[kind] += 1
        getattr(self, f"_{kind}")()
        one, other = [world.stored() for world in self.worlds]
        assert one == other

    def _night(self, **more: Any) -> None:
        self.nights.change()
        self._same(**more)

    def _same(self, **more: Any) -> None:
        text = self.nights.text()
        options = {"action": self.action, **self.nights.options(), **more}
        self._run(text, options)
        if not more:
            self.last = (text, options)

    def _again(self) -> None:
        """Import the last file once more."""
        if self.last[0]:
            self._run(*self.last)

    def _dry_run(self) -> None:
        self._night(dry_run=True)

    def _other(self) -> None:
        self._run(self.nights.some(), {})

    def _run(self, text: str | bytes, options: dict[str, Any]) -> None:
        shown, crash = [], self._crash()
        for world in self.worlds:
            import_ = world.register(text, options)
            done = world.trying(partial(world.runs.finish, import_), crash)
            self._count(world, done)
            if done.status is Status.COMPLETED and not done.options.dry_run:
                world.imports.append(done)
            shown.append(world.shown(done))
        _equal(*shown)

    def _crash(self) -> int | None:
        """Return the number of the statement at which the import with a memory breaks off, or None."""
        return self.chance.randint(1, 90) if self.chance.random() < 0.3 else None

    def _count(self, world: World, done: Import) -> None:
        if world.remember == "auto":
            self.made["rows remembered"] += done.remembered
            self.made["imports with memory"] += done.remembered > 0
            self.made["those with links"] += done.remembered > 0 and self.nights.links is not None
            for one in done.notices:
                if one["code"] == "memory_not_used":
                    self.made[one["message"].partition(": ")[2]] += 1
        else:
            assert done.remembered == 0

    def _queued(self) -> None:
        """Check two files before the first is written."""
        self.nights.change()
        texts: list[tuple[str | bytes, dict[str, Any]]] = [
            (self.nights.text(), {"action": self.action, **self.nights.options()})
        ]
        if self.chance.random() < 0.5:
            self.nights.change()
            texts.append((self.nights.text(), {"action": self.action, **self.nights.options()}))
        else:
            texts.append((self.nights.some(), {}))
        if self.chance.random() < 0.5:
            texts.reverse()
        shown, crashes = [], [self._crash() for _ in range(2 * len(texts))]
        for world in self.worlds:
            open_ = [world.register(text, options) for text, options in texts]
            open_ = [
                world.trying(partial(world.runs.check, one), crash)
                for one, crash in zip(open_, crashes, strict=False)
            ]
            for one, crash in zip(open_, reversed(crashes), strict=False):
                if not one.has_ended:
                    world.trying(partial(world.runs.write, one), crash)
            done = [world.runs.workflow.get(one.id) for one in open_]
            world.imports += [one for one in done if one.status is Status.COMPLETED]
            for one in done:
                self._count(world, one)
            shown.append([world.shown(one) for one in done])
        for one, other in zip(*shown, strict=True):
            _equal(one, other)

    def _sql(self) -> None:
        """Change, add or remove something by hand."""
        ids = self.worlds[0].ids()
        if not ids:
            return
        at, kind = self.chance.randrange(len(ids)), self.chance.choice(sql_changes.KINDS)
        email = self.nights.any_email()
        self.nights.made += 1
        for world in self.worlds:
            record_id, organization = world.ids()[at], world.runs.organization
            with (
                world.runs.workflow.database.connect() as connection,
                reading_records(connection, organization),
            ):
                sql_changes.change(connection, kind, organization, record_id, self.nights.made, email)

    def _remove(self) -> None:
        """Delete records by their ids."""
        ids = self.worlds[0].ids()
        if not ids:
            return
        at = self.chance.randrange(len(ids))
        shown = []
        for world in self.worlds:
            done = world.runs.run(f"id\n{world.ids()[at]}\n", action="delete", max_deletions=10)
            world.imports.append(done)
            shown.append(world.shown(done))
        assert shown[0]["status"] == shown[1]["status"]

    def _revert(self) -> None:
        """Revert one of the last imports."""
        if not self.worlds[0].imports:
            return
        which = self.chance.choice((-1, -1, -2)) if len(self.worlds[0].imports) > 1 else -1
        for world in self.worlds:
            import_ = world.runs.workflow.get(world.imports[which].id)
            if import_.reverted_by is None:
                asked = request_revert(
                    world.runs.workflow, import_.id, dry_run=False, source="cli", created_by=None
                )
                run_revert(world.runs.workflow, asked.id)

    def _damage(self) -> None:
        """Damage a file of the newest memory, or remove it."""
        world = self.worlds[0]
        name, how = self.chance.choice((NEW_ROWS, REMEMBERED)), self.chance.choice(("cut", "gone", "flipped"))
        for import_ in world.imports[-1:]:
            files = world.runs.workflow.files(import_)
            if not files.exists(name):
                return
            with files.open_read(name) as file:
                data = bytearray(file.read())
            files.delete(name)
            if how == "gone":
                return
            if how == "cut":
                data = data[: len(data) // 2]
            else:
                data[self.chance.randrange(4, max(5, len(data) // 2))] ^= 0x20
            with files.open_write(name) as file:
                file.write(data)


def _equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Insist that two imports have left the same."""
    for name in (*one, *other):
        assert one.get(name) == other.get(name), (name, one.get(name), other.get(name))
