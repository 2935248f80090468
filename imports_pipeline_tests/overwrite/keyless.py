"""Which records without keys the rows without keys are, by their values: the model's rules for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports_pipeline_tests.overwrite.model import CONTACT, Line

if TYPE_CHECKING:
    from imports_pipeline_tests.overwrite.rules import Rules


def equal_records(rules: Rules) -> dict[Line, str]:
    """Return the records without keys that rows without keys are, by their values."""
    fields = [name for name in rules.upload.header if name in rules.kind.fields]
    named = {values.get("id") for values in rules.rows.values()}
    keys = [key for key in rules.named if key != ("id",)]
    free = {
        id_: {name: record.values[name] for name in fields} for id_, record in rules.records.items()
        if id_ not in named and all(any(record.values[name] is None for name in key) for key in keys)
    }  # fmt: skip
    given = {
        line: {name: values[name] for name in fields} for line, values in rules.rows.items()
        if all(any(values[name] is None for name in key) for key in rules.keys)
    }  # fmt: skip
    place, taken = rules.options.get("location_id"), {}

    def order(id_: str) -> tuple[bool, int, str]:
        there = (id_, place) in rules.store.places
        if rules.kind is not CONTACT:
            there = rules.records[id_].values["location_id"] == place
        return place is not None and not there, sum(v is not None for v in free[id_].values()), id_

    def pattern(line: Line) -> str:
        return "".join("01"[given[line][name] is not None] for name in fields)

    for exactly in (True, False):
        for line in sorted(given, key=lambda line: (-pattern(line).count("1"), pattern(line), line)):
            wanted = {name: v for name, v in given[line].items() if v is not None or exactly}
            equal = [
                id_ for id_, values in free.items()
                if all(values[name] == value for name, value in wanted.items())
            ]  # fmt: skip
            if line not in taken and "1" in pattern(line) and equal:
                taken[line] = min(equal, key=order)
                del free[taken[line]]
    return taken
