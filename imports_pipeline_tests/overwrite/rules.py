"""The rules of actions in plain Python: what an import of some rows comes to, row by row, without a database.

Written from the specification and ``docs/``; it shares no code with what it judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from imports_pipeline_tests.overwrite.cells import read
from imports_pipeline_tests.overwrite.guard import COUNTS, guard, scope_of
from imports_pipeline_tests.overwrite.keyless import equal_records
from imports_pipeline_tests.overwrite.model import (
    CONTACT,
    KINDS,
    Item,
    Line,
    Links,
    Outcome,
    Store,
    Upload,
    Value,
    same,
)
from imports_pipeline_tests.overwrite.shown import (
    Shown,
    folded,
    keys_of,
    shown_by,
    shown_by_unread,
    unidentified,
)


class Failed(Exception):
    """The import fails; the argument is its code."""


class Rules:
    """The rules for one import on one store."""

    def __init__(self, store: Store, upload: Upload) -> None:
        """Look at ``store`` as it is now; nothing of it is changed."""
        self.store, self.upload, self.options = store, upload, upload.options
        self.kind = KINDS[upload.resource]
        self.action = self.options.get("action", "merge")
        self.clear = self.options.get("blank_cells") == "clear"
        self.first = self.options.get("duplicate_handling") == "use_first"
        named = tuple(filter(None, self.options.get("match_on", "").split(","))) or self.kind.default
        self.protecting = {key[0] for key in self.kind.keys.values()} & set(self.upload.header)
        if self.action == "delete":
            named = ("id",)
        elif "id" not in named:
            named = ("id", *named)
        self.named = [self.kind.keys[name] for name in named]
        self.keys = [key for key in self.named if set(key) <= set(upload.header)]
        self.records = store.records[self.kind.name]
        self.out = Outcome(total=sum(1 for _ in upload.lines()))
        self.rows: dict[Line, dict[str, Value]] = {}
        self.shown: dict[Line, Shown] = {}

    def outcome(self) -> Outcome:
        """Take the rows through the phases that check."""
        try:
            self._prevalidate()
            self._reject_duplicates()
            self._identify()
            self._judge()
            self._validate()
            self._judge()
            self._plan()
            if self.out.guard and not self.options.get("dry_run"):
                raise Failed(self.out.guard)
        except Failed as failed:
            self.out.code = str(failed)
        return self.out

    # --- the phases

    def _judge(self) -> None:
        left = len(self.rows)
        if left == 0:
            raise Failed("no_valid_row")
        limit = self.options.get("max_errors")
        if isinstance(limit, str):
            limit = int(limit.rstrip("%")) * self.out.total / 100
        if limit is not None and self.out.rejected > limit:
            raise Failed("too_many_errors")

    def _prevalidate(self) -> None:
        header = self.upload.header
        ways = [("id",)] if self.action == "delete" else [self.kind.required, *self.named]
        if not any(set(way) <= set(header) for way in ways):
            raise Failed("missing_column")
        for line, cells in self.upload.lines():
            if any("\0" in cell for cell in cells) or len(cells) != len(header):
                code = "too_many_cells" if len(cells) > len(header) else "too_few_cells"
                if any("\0" in cell for cell in cells):
                    code = "nul_byte"
                self._reject(line, [code])
                self.shown[line] = shown_by_unread(cells)
                continue
            given = dict(zip(header, cells, strict=True))
            values, codes = {}, set()
            for name, cell in given.items():
                values[name], wrong = read(name, cell, self.kind)
                if wrong and (name == "id" or self.action != "delete"):
                    codes.add(wrong)
            filled = {name for name, cell in given.items() if cell.strip()}
            if not filled:
                self._reject(line, ["blank_row"])
                continue
            codes |= self._required(filled)
            if codes:
                self._reject(line, codes)
                self.shown[line] = self._shown_by(cells)
            else:
                self.rows[line] = values
        self._judge()

    def _required(self, filled: set[str]) -> set[str]:
        if self.action == "delete":
            return set() if "id" in filled else {"required_value"}
        enough = any(set(way) <= filled for way in (self.kind.required, *self.named))
        cleared = self.clear and set(self.kind.required) & set(self.upload.header) - filled
        return set() if enough and not cleared else {"required_value"}

    def _reject_duplicates(self) -> None:
        doomed = set()
        for key in self.keys:
            seen: dict[tuple[Value, ...], list[Line]] = {}
            for line, values in self.rows.items():
                value = tuple(values[name] for name in key)
                if None not in value:
                    spelled = tuple(
                        str(v).lower() if n == "email" else v for n, v in zip(key, value, strict=True)
                    )
                    seen.setdefault(spelled, []).append(line)
            for lines in seen.values():
                if len(lines) > 1:
                    doomed |= set(lines[1:] if self.first else lines)
        for line in doomed:
            self._reject_row(line, ["duplicate_row"])
        self._judge()

    def _identify(self) -> None:
        taken = equal_records(self) if self.action != "delete" else {}
        for line, values in list(self.rows.items()):
            found = {key: self._matches(key, values) for key in self.keys}
            filled = [key for key in self.keys if all(values[name] is not None for name in key)]
            id_: Value = values.get("id")
            codes: set[str] = set()
            if self.action != "delete" and filled and (matched := found[filled[0]]):
                if len(matched) > 1:
                    codes.add("ambiguous_identity")
                elif any(other and matched[0] not in other for other in found.values()):
                    codes.add("conflicting_identity")
                id_ = id_ or matched[0]
            id_ = id_ or taken.get(line)
            if (
                self.action != "delete"
                and id_ is None
                and any(values.get(n) is None for n in self.kind.required)
            ):
                codes.add("nothing_to_create_from")
            if codes:
                self._reject_row(line, codes)
            else:
                self.out.items.append(self._item(line, str(id_) if id_ else None, values))
        self._judge()
        for id_, count in Counter(item.id for item in self.out.items if item.id).items():
            if count > 1:
                equal = [item for item in self.out.items if item.id == id_]
                for item in equal[1:] if self.first else equal:
                    self._reject_item(item, ["duplicate_record"])

    def _matches(self, key: tuple[str, ...], values: dict[str, Value]) -> list[str]:
        return sorted(
            id_ for id_, record in self.records.items()
            if all(same(name, values[name], id_ if name == "id" else record.values[name]) for name in key)
        )  # fmt: skip

    def _item(self, line: Line, id_: str | None, values: dict[str, Value]) -> Item:
        item = Item(line, id_, {name: values[name] for name in self.kind.fields if name in values})
        if self.action == "delete":
            item.given = {}
            return item
        stored = self.records[id_].values if id_ in self.records else {}
        known = self.kind is CONTACT or stored.get("resource") or values.get("resource")
        for name in self.upload.header:
            base, _, operation = name.partition(".")
            if base != self.kind.links:
                continue
            operation, cell = operation or "set", values[name]
            targets = set()
            for reference in str(cell).split(",") if cell else []:
                named = self._named_by(reference)
                if len(named) == 1:
                    targets.add(named[0])
                elif known:
                    unknown = "unknown_group" if self.kind is CONTACT else "unknown_member"
                    item.problems.add("ambiguous_reference" if named else unknown)
            if cell or (self.clear and operation == "set"):
                item.links.append((operation, targets))
        return item

    def _named_by(self, reference: str) -> list[str]:
        if self.kind is CONTACT:
            return [
                id_ for id_, one in self.store.records["group"].items() if one.values["name"] == reference
            ]
        field_, value = "name", reference
        if reference.startswith("external_id:"):
            field_, value = "external_id", reference.partition(":")[2]
        elif "@" in reference:
            field_ = "email"
        everybody = self.store.records["contact"].items()
        return [id_ for id_, one in everybody if same(field_, value, one.values[field_])]

    def _validate(self) -> None:
        codes: dict[Line, set[str]] = {item.line: set(item.problems) for item in self.out.items}
        for item in self.out.items:
            if item.id is not None and item.id not in self.records:
                codes[item.line].add("unknown_id")
        for key in self.kind.unique if self.action != "delete" else ():
            claimed: set[tuple[Value, ...]] = set()
            if not set(key) & set(self.upload.header):
                continue
            for item in self.out.items:
                if "unknown_id" in codes[item.line]:
                    continue
                stored = self.records[item.id].values if item.id in self.records else {}
                final = tuple(item.given.get(n) or stored.get(n) for n in key)
                if None in final:
                    continue
                others = [
                    i
                    for i, r in self.records.items()
                    if i != item.id and final == tuple(r.values[n] for n in key)
                ]
                if final in claimed or others:
                    codes[item.line].add("value_taken")
                claimed.add(final)
        if self.action != "delete":
            outside = self._outside_of_a_location if self.kind is CONTACT else self._with_members_outside
            for item in filter(outside, self.out.items):
                codes[item.line].add("not_in_group_location")
        for item in list(self.out.items):
            if codes[item.line]:
                self._reject_item(item, codes[item.line])

    def _after(self, item: Item) -> set[str]:
        """Return the groups of a contact, or the members of a group, after the import."""
        mine, other = (0, 1) if self.kind is CONTACT else (1, 0)
        added, removed = self.linked(item, item.id)[self.kind.links]
        return {pair[other] for pair in self.store.members if pair[mine] == item.id} - removed | added

    def _outside_of_a_location(self, item: Item) -> bool:
        """Return whether a contact whose lists are looked at would be in a group of a location it is not in."""
        own = self.options.get("location_id")
        if not item.links and own is None:
            return False
        places = {place for id_, place in self.store.places if id_ == item.id} | {own}
        groups = (self.store.records["group"][id_].values["location_id"] for id_ in self._after(item))
        return any(place is not None and place not in places for place in groups)

    def _with_members_outside(self, item: Item) -> bool:
        """Return whether a group of a location would have a member that is not in it."""
        if not any(one.links for one in self.out.items):
            return False
        place = self.records[item.id].values["location_id"] if item.id in self.records else None
        if item.id is None and item.given.get("resource") == "contact":
            place = self.options.get("location_id")
        return place is not None and any((id_, place) not in self.store.places for id_ in self._after(item))

    # --- the plan

    def _plan(self) -> None:
        plan = dict.fromkeys(COUNTS, 0)
        for item in self.out.items:
            operation, changes = self._operation(item)
            plan[operation] += 1
            self.out.lines.append((item.line, operation, item.id, changes))
        if self.action == "overwrite":
            scope = scope_of(self.store, self.kind, self.options.get("location_id"))
            named = {item.id for item in self.out.items}
            left_out = scope - named
            found = {id_: keys_of(id_, self.records[id_].values) for id_ in left_out}
            written = {key for one in self.shown.values() for key in one.keys}
            self.out.removed = {id_ for id_ in left_out if not found[id_] & written}
            plan["overwritten"], plan["scope"] = len(self.out.removed), len(scope)
            if self.out.removed:
                keys = {key[0] for key in self.named}
                nobody = unidentified(self.shown, found, self.records, self.out.items, keys, self.protecting)
                plan["unidentified"], plan["first_unidentified"] = len(nobody), min(nobody, default=0)
        self.out.plan = plan
        self.out.guard = guard(self.action, self.options, plan)

    def _operation(self, item: Item) -> tuple[str, dict[str, Any] | None]:
        if self.action == "delete":
            return "deleted", None
        if item.id is None:
            return "created", None
        record = self.records[item.id]
        changes: dict[str, Any] = {}
        for name, old in record.values.items():
            if name in item.given:
                new = item.given[name] if item.given[name] is not None or self.clear else old
                if new != old:
                    changes[name] = {"old": old, "new": new}
        for relation, (added, removed) in self.linked(item, item.id).items():
            if added or removed:
                changes[relation] = {"added": added, "removed": removed}
        return ("updated", changes) if changes else ("unchanged", None)

    def linked(self, item: Item, id_: str | None) -> Links:
        """Return by list the ids that the item adds to and removes from a record's links."""
        mine, other = (0, 1) if self.kind is CONTACT else (1, 0)
        now = {pair[other] for pair in self.store.members if pair[mine] == id_}
        asked = {"add": set(), "remove": set(), **dict(item.links)}
        wanted = asked.get("set", now | asked["add"]) - asked["remove"]
        result = {self.kind.links: (wanted - now, now - wanted)}
        place = self.options.get("location_id")
        if self.kind is CONTACT and place and (id_, place) not in self.store.places:
            result["locations"] = ({place}, set())
        return result

    # --- rejecting

    def _reject(self, line: Line, codes: Iterable[str]) -> None:
        self.out.errors |= {(line, code) for code in codes}

    def _reject_row(self, line: Line, codes: Iterable[str]) -> None:
        self._reject(line, codes)
        del self.rows[line]
        self.shown[line] = self._shown_by(dict(self.upload.lines())[line])

    def _reject_item(self, item: Item, codes: Iterable[str]) -> None:
        self._reject_row(item.line, codes)
        if item.id is not None:
            self.shown[item.line].keys.add(folded(item.id))
            self.shown[item.line].claiming.add(("", folded(item.id)))
        self.out.items.remove(item)

    def _shown_by(self, cells: tuple[str, ...]) -> Shown:
        return shown_by(self.upload.header, cells, self.protecting, self.kind)
