"""The resolution of references to stored records, by PostgreSQL, for all distinct references of a file at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from imports_pipeline.database.copy import copy_in, copy_out
from imports_pipeline.database.statistics import analyze
from imports_pipeline.import_phases.files.item_files import NEW_GROUP_SCHEMA
from imports_pipeline.model import ids
from imports_pipeline.schemas.catalog import RESOURCES
from imports_pipeline.schemas.references import classify

_TABLE: Final = sql.Identifier("wanted_references")
_RESOLVED: Final = pa.schema(
    [("reference", pa.string()), ("id", pa.string()), ("count", pa.int64()), ("belongs", pa.bool_())]
)

# The code of a reference that names no record, by the resource that it should name.
_UNKNOWN: Final = {"group": "unknown_group", "location": "unknown_location", "contact": "unknown_member"}

_TABLES: Final = {"group": "groups", "location": "locations", "contact": "contacts"}
_PREFIXES: Final = {"group": ids.GROUP, "location": ids.LOCATION, "contact": ids.CONTACT}

_NAME: Final = r"translate(t.name, U&'\200c\200d', '')"
# For each resource and kinds of reference, the condition that joins a stored record ``t`` to a wanted reference ``w``.
_CONDITIONS: Final[dict[str, dict[tuple[str, ...], str]]] = {
    "group": {
        ("id",): "t.id = w.first",
        ("external_id",): "t.external_id = w.first",
        # A group of locations cannot contain contacts, so the name in a contact's row never means one.
        ("name",): "t.name = w.first AND t.resource = 'contact'",
        # A group has no email, so a reference that looks like an email is a name.
        ("email",): "t.name = w.reference AND t.resource = 'contact'",
    },
    "location": {
        ("id",): "t.id = w.first",
        ("name",): "t.name = w.first",
        ("email",): "t.name = w.reference",
    },
    "contact": {
        ("id",): "t.id = w.first",
        ("external_id",): "t.external_id = w.first",
        ("email",): "lower(t.email) = lower(w.first)",
        # A stored name keeps its zero-width joiners (schemas/canonical.py); a reference has lost them.
        ("name",): f"{_NAME} = w.first",
        ("name_email",): f"{_NAME} = w.first AND lower(t.email) = lower(w.second)",
    },
}


@dataclass(frozen=True)
class Resolved:
    """The targets of references: ``id`` is the record that a reference names, or ``problem`` says why there is none."""

    id: pa.Array
    problem: pa.Array


class References:
    """Resolves references to one resource: ``want`` all of them, ``resolve``, then ``look_up``."""

    def __init__(self, target: str) -> None:
        """Resolve references to ``target``: group, location or contact."""
        self.target = target
        self._wanted = pa.array([], pa.string())
        self._found = _RESOLVED.empty_table()

    def want(self, references: pa.Array) -> None:
        """Add references to the ones that ``resolve`` looks up."""
        self._wanted = pa.concat_arrays([self._wanted, references.unique()]).unique()

    def resolve(self, connection: psycopg.Connection[Any], organization_id: str) -> None:
        """Look up all references that ``want`` was called with."""
        if not len(self._wanted):
            return
        classified = classify(self._wanted, [_PREFIXES[self.target]])
        connection.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(_TABLE))
        connection.execute(
            sql.SQL(
                "CREATE TEMP TABLE {0} (reference text, kind text, first text, second text);"
                # Without these counts of distinct emails PostgreSQL expects 200 (identity/identity_queries.py).
                " CREATE STATISTICS ON lower(first) FROM {0}; CREATE STATISTICS ON lower(second) FROM {0}"
            ).format(_TABLE)
        )
        columns = ["reference", "kind", "first", "second"]
        wanted = pa.record_batch(
            [self._wanted, classified.kind, classified.first, classified.second], names=columns
        )
        copy_in(connection, _TABLE, columns, [wanted])
        analyze(connection, _TABLE)
        table = _TABLES[self.target]
        belongs = "t.resource = 'contact'" if self.target == "group" else "true"
        queries = [
            f"SELECT w.reference, t.id, {belongs} AS belongs FROM wanted_references w"
            f" JOIN {table} t ON t.organization_id = %(organization)s AND {condition}"
            f" WHERE w.kind IN ({', '.join(repr(kind) for kind in kinds)})"
            for kinds, condition in _CONDITIONS[self.target].items()
        ]
        query = sql.SQL(
            "SELECT reference, min(id), count(*), bool_and(belongs) FROM ("
            + " UNION ALL ".join(queries)
            + ") AS found GROUP BY reference"
        )
        found = list(copy_out(connection, query, {"organization": organization_id}, _RESOLVED))
        self._found = pa.Table.from_batches(found, schema=_RESOLVED).combine_chunks()

    def create(self, references: pa.Array) -> pa.Table:
        """Take names of which nothing is stored for new records: one for each name, however it is written.

        Ids and ``external_id:`` that are not stored stay unknown, and so do names that are too long.

        Args:
            references: Some of those that were wanted.

        Returns:
            The new records as ``NEW_GROUP_SCHEMA``; ``look_up`` finds them from now on.
        """
        problem = self.look_up(references).problem
        missing = references.filter(pc.equal(problem, _UNKNOWN[self.target]))
        classified = classify(missing, [_PREFIXES[self.target]])
        # What looks like an email is a name as it is written.
        is_email = pc.and_(
            pc.equal(classified.kind, "email"), pc.equal(missing, pc.utf8_trim_whitespace(missing))
        )
        name = pc.if_else(
            pc.equal(classified.kind, "name"),
            classified.first,
            pc.if_else(is_email, missing, pa.scalar(None, pa.string())),
        )
        longest = RESOURCES[self.target].by_name["name"].max_length
        named = pc.fill_null(pc.less_equal(pc.utf8_length(name), longest), False)
        missing, name = missing.filter(named), name.filter(named)
        encoded = name.dictionary_encode()
        new = ids.new_ids(_PREFIXES[self.target], len(encoded.dictionary))
        found = {
            "reference": missing,
            "id": new.take(encoded.indices),
            "count": pa.repeat(1, len(missing)).cast(pa.int64()),
            "belongs": pa.repeat(True, len(missing)),
        }
        self._found = pa.concat_tables([self._found, pa.table(found, schema=_RESOLVED)]).combine_chunks()
        return pa.table([new, encoded.dictionary], schema=NEW_GROUP_SCHEMA)

    def look_up(self, references: pa.Array) -> Resolved:
        """Return the target of each reference. ``want`` must have been called with every one of them."""
        place = pc.index_in(references, value_set=self._found["reference"].combine_chunks())
        found = self._found.take(place)
        count = pc.fill_null(found["count"], 0)
        problem = pc.if_else(
            pc.equal(count, 0),
            _UNKNOWN[self.target],
            pc.if_else(
                pc.greater(count, 1),
                "ambiguous_reference",
                pc.if_else(found["belongs"], pa.scalar(None, pa.string()), "wrong_resource"),
            ),
        )
        problem = (
            pa.chunked_array(problem.chunks, pa.string()) if isinstance(problem, pa.ChunkedArray) else problem
        )
        valid = pc.is_null(problem)
        target = pc.if_else(valid, found["id"], pa.scalar(None, pa.string()))
        return Resolved(_whole(target), _whole(problem))


def _whole(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def resolvers(targets: Sequence[str]) -> Mapping[str, References]:
    """Return a resolver for each target resource."""
    return {target: References(target) for target in targets}
