"""The memory of an import: when it is used, when it is not, and what it shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
import pytest

from imports_pipeline.database.editions import reading_records
from imports_pipeline.import_phases.memory.fingerprint_index import FingerprintIndex
from imports_pipeline.import_phases.memory.fingerprints import Fingerprints
from imports_pipeline.model.files import FINGERPRINTS, NEW_ROWS, REMEMBERED
from imports_pipeline.model.imports import Import
from imports_pipeline.model.statuses import Status
from imports_pipeline.workflow.housekeeping import housekeep
from imports_pipeline_tests.overwrite import Runs

HEADER = "name,email,external_id\n"


def file(numbers: range, changed: tuple[int, ...] = ()) -> str:
    """Return a file of contacts, some of them with other names."""
    return HEADER + "".join(
        f"{'Changed' if n in changed else 'Person'} {n},p{n}@example.com,E-{n}\n" for n in numbers
    )


def counts(import_: Import) -> tuple[int, int, int, int]:
    """Return how many records were created, updated, left unchanged and removed."""
    stats = import_.stats
    return stats["created"], stats["updated"], stats["unchanged"], stats["overwritten"]


def test_the_next_file_reads_the_first_rows_and_what_has_changed(runs: Runs) -> None:
    first = runs.completed(file(range(20)))
    assert (counts(first), first.remembered) == ((20, 0, 0, 0), 0)
    second = runs.completed(file(range(22), changed=(5, 6)))
    assert (counts(second), second.remembered) == ((2, 2, 18, 0), 16)
    # The memory of the second file has all of its rows, those too that the first memory knew.
    third = runs.completed(file(range(21, -1, -1), changed=(5, 6, 7)))
    assert counts(third) == (0, 1, 21, 0)
    assert third.remembered == 19
    assert [one["total"] for one in third.phases] == [22] * 7
    assert not runs.workflow.files(second).exists(NEW_ROWS), "a memory replaces the one before it"
    assert not runs.workflow.files(third).exists(FINGERPRINTS)


def test_the_same_file_again_reads_its_first_rows_alone(runs: Runs) -> None:
    runs.completed(file(range(30)))
    again = runs.completed(file(range(30)))
    assert (counts(again), again.remembered) == ((0, 0, 30, 0), 28)
    dry = runs.run(file(range(30)), dry_run=True)
    assert dry.plan is not None
    assert dry.plan["unchanged"] == 30
    assert dry.remembered == 28
    assert counts(runs.completed(file(range(30)))) == (0, 0, 30, 0)


def test_an_overwrite_removes_what_its_file_no_longer_names(runs: Runs) -> None:
    runs.completed("name,email\nBy another file,other@example.com\n")
    runs.completed(file(range(20)), action="overwrite", max_deletions=1)
    second = runs.completed(file(range(3, 20), changed=(9,)), action="overwrite", max_deletions=3)
    assert (counts(second), second.remembered) == ((0, 1, 16, 3), 14)
    bad = file(range(3, 19), changed=(9,)) + "Bad,nobody,E-50\n"
    third = runs.run(bad, action="overwrite", max_deletions=3)
    assert (counts(third), third.stats["rejected"]) == ((0, 0, 16, 1), 1)
    assert third.remembered <= 14
    assert runs.names() == sorted("Changed 9" if n == 9 else f"Person {n}" for n in range(3, 19))


def test_a_record_that_was_changed_by_hand_is_compared_again(runs: Runs) -> None:
    runs.completed(file(range(20)))
    with runs.workflow.database.connect() as connection, reading_records(connection, runs.organization):
        connection.execute(
            "UPDATE contacts SET name = 'By hand' WHERE organization_id = %s AND external_id = 'E-7'",
            (runs.organization,),
        )
        connection.execute(
            "DELETE FROM contacts WHERE organization_id = %s AND external_id = 'E-8'", (runs.organization,)
        )
    again = runs.completed(file(range(20)))
    assert (counts(again), again.remembered) == ((1, 1, 18, 0), 16)
    assert runs.names() == sorted(f"Person {n}" for n in range(20))


def test_a_record_that_was_deleted_by_hand_while_an_import_ran_is_made_again_the_next_night(
    runs: Runs,
) -> None:
    runs.completed(file(range(20)))
    second = runs.check(runs.register(file(range(21))))
    with runs.workflow.database.connect() as connection, reading_records(connection, runs.organization):
        connection.execute(
            "DELETE FROM contacts WHERE organization_id = %s AND external_id = 'E-8'", (runs.organization,)
        )
    assert counts(runs.finish(second)) == (1, 0, 20, 0)
    third = runs.completed(file(range(21)))
    assert (counts(third), third.remembered) == ((1, 0, 20, 0), 18)


def test_a_row_that_shares_a_key_with_a_known_row_is_a_duplicate_of_it(runs: Runs) -> None:
    runs.completed(file(range(20)))
    second = runs.run(file(range(20)) + "Thief,P9@example.com,E-70\n")
    assert (counts(second), second.remembered) == ((0, 0, 19, 0), 17)
    assert runs.codes(second) == {11: ["duplicate_row"], 22: ["duplicate_row"]}


@pytest.mark.parametrize("name", [NEW_ROWS, REMEMBERED])
def test_a_memory_whose_file_is_damaged_is_not_used(runs: Runs, name: str) -> None:
    runs.completed(file(range(20)))
    second = runs.completed(file(range(20)))
    files = runs.workflow.files(second)
    with files.open_read(name) as stored:
        data = bytearray(stored.read())
    data[len(data) // 4] ^= 1
    with files.open_write(name) as stored:
        stored.write(data)
    third = runs.completed(file(range(20), changed=(4,)))
    assert (counts(third), third.remembered) == ((0, 1, 19, 0), 0)
    assert [one["code"] for one in third.notices] == ["memory_not_used"]


@pytest.mark.parametrize(
    "options",
    [{"remember": "off"}, {"save_result": True}, {"blank_cells": "clear"}, {"default_region": "DE"}],
    ids=lambda options: next(iter(options)),
)
def test_a_file_of_another_kind_is_read_whole(runs: Runs, options: dict[str, str]) -> None:
    runs.completed(file(range(20)))
    other = runs.completed(file(range(20)), **options)
    assert (counts(other), other.remembered, other.notices) == ((0, 0, 20, 0), 0, ())


@pytest.mark.parametrize("how", ["its files are removed", "a process was killed"])
def test_housekeeping_removes_a_memory_that_is_of_no_use(runs: Runs, how: str) -> None:
    first = runs.completed(file(range(20)))
    days = {"its files are removed": 1000, "a process was killed": 2}[how]
    with runs.workflow.database.connect() as connection:
        connection.execute(
            "UPDATE imports SET updated_at = now() - make_interval(days => %s) WHERE id = %s",
            (days, first.id),
        )
        housekeep(connection, runs.workflow.store, runs.workflow.settings)
        assert (memory_of(connection, first) is None) == (days == 1000), (
            "a completed one stays with its files"
        )
        connection.execute("UPDATE memories SET completed = false WHERE import_id = %s", (first.id,))
        housekeep(connection, runs.workflow.store, runs.workflow.settings)
        assert memory_of(connection, first) is None
    second = runs.completed(file(range(20)))
    assert (counts(second), second.remembered) == ((0, 0, 20, 0), 0)


def memory_of(connection: psycopg.Connection[Any], import_: Import) -> Any:
    return connection.execute("SELECT FROM memories WHERE import_id = %s", (import_.id,)).fetchone()


@pytest.mark.parametrize(("rows", "remembered"), [(19, 0), (20, 18)])
def test_a_file_of_more_rows_leaves_no_memory_and_uses_one(runs: Runs, rows: int, remembered: int) -> None:
    rule = replace(runs.workflow.memory_rule, most_rows=rows)
    runs.workflow = replace(runs.workflow, memory_rule=rule)
    runs.completed(file(range(20)))
    second = runs.completed(file(range(20)))
    assert (counts(second), second.remembered, second.notices) == ((0, 0, 20, 0), remembered, ())
    with runs.workflow.database.connect() as connection:
        assert (memory_of(connection, second) is None) == (rows < 20)
    third = runs.completed(file(range(30)))
    assert (counts(third), third.remembered) == ((10, 0, 20, 0), remembered)


@pytest.mark.parametrize("name", [REMEMBERED, FINGERPRINTS])
def test_an_import_whose_memory_cannot_be_written_completes(runs: Runs, name: str) -> None:
    runs.completed(file(range(20)))
    second = runs.check(runs.register(file(range(21), changed=(5,))))
    runs.workflow.files(second).delete(name)
    second = runs.finish(second)
    assert (second.status, counts(second)) == (Status.COMPLETED, (1, 1, 19, 0))
    third = runs.completed(file(range(21)))
    assert counts(third) == (0, 1, 20, 0)


def test_fingerprints_need_the_key() -> None:
    data, starts, ends = b"abcabcabd", np.array([0, 3, 6]), np.array([3, 6, 9])
    first = Fingerprints(b"k" * 32).of(data, starts, ends)
    assert first.shape == (3, 2)
    assert (first[0] == first[1]).all()
    assert (first[0] != first[2]).all()
    assert (Fingerprints(b"l" * 32).of(data, starts, ends) != first).all()
    assert Fingerprints(b"k" * 32, 4).of(data, starts, ends).max() < 16


def test_fingerprints_that_begin_alike_are_told_apart() -> None:
    chance = np.random.default_rng(1)
    many = chance.integers(0, 2**64, (5_000, 2), dtype=np.uint64)
    many[1_000:2_000, 0] = many[:1_000, 0]  # only the second halves differ
    many[2_000:3_000, 0] = many[:1_000, 0] ^ np.uint64(1)  # the last bit of the first halves
    index = FingerprintIndex([many[:700], many[700:4_000]], 4_500)
    assert len(index) == 4_000
    assert not FingerprintIndex([many[4_000:]], 1_000).has_doubles()
    for numbers in ([0, 1, 2, 0], [3, 1, 2, 1], [0, 2**24, 5, 5]):
        few = np.array([[number, 0] for number in numbers], np.uint64)
        assert FingerprintIndex([few], 4).has_doubles()
        assert not FingerprintIndex([few[:-1]], 4).has_doubles()
    alike = np.flatnonzero(index.find(many[:4_000]) != np.arange(4_000))
    seconds = many[:4_000, 1] & np.uint64(0xFF)
    assert all(seconds[at] == seconds[(at + 1_000) % 2_000] for at in alike), "72 bits are compared"
    assert set(index.find(many[4_000:])) == {-1}
    assert list(FingerprintIndex([], 0).find(many[:2])) == [-1, -1]
    with pytest.raises(ValueError, match="16,777,217 rows are more than 16,777,216"):
        FingerprintIndex([], 2**24 + 1)


def test_a_row_that_is_nearly_like_another_is_noticed(runs: Runs) -> None:
    """The index compares 72 bits of a fingerprint. The others are compared for all rows together."""
    nearly = Fingerprints.of

    def half(self: Fingerprints, data: bytes, starts: Any, ends: Any) -> Any:
        found = nearly(self, data, starts, ends).copy()
        changed = [data[start:end].find(b"Changed") >= 0 for start, end in zip(starts, ends, strict=True)]
        for at in np.flatnonzero(changed):
            same = data[starts[at] : ends[at]].replace(b"Changed", b"Person")
            found[at] = nearly(self, same, np.array([0]), np.array([len(same)]))[0] ^ np.array(
                [0, 2**40], np.uint64
            )
        return found

    runs.completed(file(range(20)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Fingerprints, "of", half)
        second = runs.completed(file(range(20), changed=(7,)))
    assert (counts(second), second.remembered) == ((0, 1, 19, 0), 0)
    assert "nearly the same fingerprint" in second.notices[0]["message"]


def test_a_row_that_could_be_a_header_below_a_blank_line_is_a_row(runs: Runs) -> None:
    """The records above it are left out, so whether a blank line was there is not known."""
    runs.completed(file(range(20)))
    second = runs.completed(
        file(range(20)) + "Department,,Title\n" + file(range(20, 23)).removeprefix(HEADER)
    )
    assert (counts(second), second.remembered) == ((4, 0, 19 + 1, 0), 0)
    assert "could be the header of another table" in second.notices[0]["message"]
    third = runs.completed(file(range(23)))
    assert (counts(third), third.remembered) == ((0, 0, 23, 0), 18), (
        "that file has left no memory; the first has"
    )
