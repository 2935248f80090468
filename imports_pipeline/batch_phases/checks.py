"""The checks of validation, as queries whose rows are errors of staged items: line, code, column, value, message.

In the queries ``i`` is a staged item and ``t`` the stored record that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from psycopg import sql

from imports_pipeline.batch_phases.staging import Staging
from imports_pipeline.database.literals import literal
from imports_pipeline.model.imports import Batch
from imports_pipeline.model.option_choices import Action, BlankCells
from imports_pipeline.schemas.catalog import RESOURCES, Resource

#: Characters of a group's name.
_LONGEST_NAME: Final = RESOURCES["group"].by_name["name"].max_length


def check_queries(batch: Batch, fields: Sequence[str], *, has_references: bool) -> Iterator[sql.Composable]:
    """Yield the checks that a batch needs.

    Args:
        batch: the batch to check.
        fields: the fields of its items, in the order of their staging columns.
        has_references: True if the table of references has any row.
    """
    resource = RESOURCES[batch.resource]
    staging = Staging(batch.id)
    values = {name: sql.Identifier("i", f"f{k}") for k, name in enumerate(fields)}
    names = {
        "items": staging.items,
        "refs": staging.refs,
        "links": staging.links,
        "updates": staging.updates,
        "table": sql.Identifier(resource.table),
        "resource": literal(resource.name),
    }
    yield sql.SQL(
        """
        SELECT line, 'unknown_id', 'id', id,
               'there is no ' || {resource} || ' ' || id || '; correct the id, or leave it blank'
        FROM {updates} WHERE is_unknown
        """
    ).format(**names)
    if has_references:
        yield sql.SQL(_REFERENCES).format(longest=literal(_LONGEST_NAME), **names)
    for name in resource.immutable:
        if name in values:
            yield sql.SQL(
                """
                SELECT i.line, 'immutable_field', {name}, {value},
                       'the stored ' || {resource} || ' has the ' || {name} || ' ' || t.{column}
                       || ', which cannot be changed; delete it and create another'
                FROM {items} i JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
                WHERE {value} <> t.{column}
                """
            ).format(name=literal(name), value=values[name], column=sql.Identifier(name), **names)
    for key in resource.unique:
        if any(name in values for name in key) and not _decided_by_matching(resource, batch, key):
            yield _taken(key, values, names)
    if batch.action is Action.DELETE:
        # A deletion removes the record's links too, so they need no check.
        return
    if resource.name == "contact" and has_references:
        yield sql.SQL(_CONTACT_LOCATIONS).format(groups=_groups_of_locations(batch), **names)
    if resource.name == "group" and (has_references or "location" in values):
        location = values.get("location", sql.SQL("NULL"))
        given = values.get("resource", sql.SQL("NULL"))
        clears = "location" in values and batch.options.blank_cells is BlankCells.CLEAR
        after: sql.Composable = (
            location if clears else sql.SQL("coalesce({}, t.location_id)").format(location)
        )
        if batch.options.location_id is not None:
            # `processing` puts a new group of contacts into the import's location.
            after = sql.SQL(
                "CASE WHEN i.is_new AND {given} = 'contact' THEN coalesce({location}, {own}) ELSE {after} END"
            ).format(given=given, location=location, own=literal(batch.options.location_id), after=after)
        yield sql.SQL(_GROUP_LOCATIONS).format(location=after, **names)
        yield sql.SQL(
            """
            SELECT i.line, 'wrong_resource', 'location', {location},
                   'a group of locations has no location; leave it blank'
            FROM {items} i LEFT JOIN groups t ON t.organization_id = %(organization)s AND t.id = i.id
            WHERE coalesce(t.resource, {given}) = 'location' AND {location} IS NOT NULL
            """
        ).format(location=location, given=given, **names)


def _groups_of_locations(batch: Batch) -> sql.Composable:
    """Query (id, name, location_id) of the groups that belong to a location, those that the batch creates too."""
    stored = sql.SQL(
        "SELECT id, name, location_id FROM groups WHERE organization_id = %(organization)s AND location_id IS NOT NULL"
    )
    if batch.options.location_id is None:
        return stored
    return sql.SQL("{} UNION ALL SELECT id, name, {} FROM {}").format(
        stored, literal(batch.options.location_id), Staging(batch.id).new_groups
    )


def _decided_by_matching(resource: Resource, batch: Batch, key: tuple[str, ...]) -> bool:
    """Return True if matching rules out that two records get the same value of this key.

    Matching rules it out if the key is the first of ``match_on``, or the first after the id. For a later key it does
    not: a row whose earlier key matches nothing becomes a new record, whatever record the later key points at.
    """
    matched = [resource.key(name).fields for name in batch.options.match_on or resource.default_match_on]
    return len(key) == 1 and next((one for one in matched if one != ("id",)), ()) == key


def _taken(
    key: tuple[str, ...], values: dict[str, sql.Identifier], names: dict[str, sql.Composable]
) -> sql.Composed:
    """Return the query of items whose unique value belongs to another record or to an earlier item.

    Items with an unknown id are left out: they are rejected, so they take no value.
    """

    def final(name: str) -> sql.Composable:
        stored = sql.Identifier("t", name)
        return sql.SQL("coalesce({}, {})").format(values[name], stored) if name in values else stored

    columns = [sql.Identifier(name) for name in key]
    shown = sql.SQL(" || ', ' || ").join(sql.SQL("c.{}").format(column) for column in columns)
    return sql.SQL(
        """
        WITH c AS (
            SELECT i.line, i.id, {claimed},
                   first_value(i.line) OVER (PARTITION BY {final} ORDER BY i.line) AS first
            FROM {items} i LEFT JOIN {table} t ON t.organization_id = %(organization)s AND t.id = i.id
            WHERE {filled} AND (i.is_new OR t.id IS NOT NULL)
        )
        SELECT c.line, 'value_taken', {name}, {shown},
               CASE WHEN c.first < c.line THEN 'line ' || c.first || ' has the same ' || {name}
                    ELSE o.id || ' has this ' || {name} END || '; it must be unique'
        FROM c LEFT JOIN {table} o ON o.organization_id = %(organization)s AND o.id <> c.id AND {same}
        WHERE c.first < c.line OR o.id IS NOT NULL
        """
    ).format(
        claimed=sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(final(name), sql.Identifier(name)) for name in key
        ),
        final=sql.SQL(", ").join(final(name) for name in key),
        filled=sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(final(name)) for name in key),
        name=literal("+".join(key)),
        shown=shown,
        same=sql.SQL(" AND ").join(sql.SQL("o.{} = c.{}").format(column, column) for column in columns),
        **names,
    )


_REFERENCES = """
    SELECT line, problem, field, reference,
           CASE problem
               WHEN 'ambiguous_reference' THEN 'more than one record is called ' || reference || '; give its id'
               WHEN 'wrong_resource' THEN reference || ' is a group of locations, and a contact cannot be in it'
               ELSE 'there is no ' || CASE problem WHEN 'unknown_group' THEN 'group' WHEN 'unknown_location'
                    THEN 'location' ELSE 'record' END || ' ' || reference
                    || CASE WHEN near IS NOT NULL THEN '; did you mean ' || near || '?'
                       WHEN problem = 'unknown_group' AND length(reference) > {longest}
                       THEN '; a name has at most {longest} characters: shorten it'
                       WHEN is_list THEN '; a list has commas between its names: correct the cell'
                       ELSE '; create it first, or correct the cell' END
           END
    FROM {refs} LEFT JOIN (
        -- One hint for each text: a name that differs only by case, or a list with semicolons in place of commas.
        SELECT w.reference, w.problem, min(n.name) FILTER (WHERE strpos(w.reference, ';') = 0) AS near,
               strpos(w.reference, ';') > 0 AS is_list
        FROM (SELECT DISTINCT reference, problem FROM {refs}
              WHERE problem IN ('unknown_group', 'unknown_location')) w
        JOIN (SELECT name, 'unknown_group' AS problem FROM groups
              WHERE organization_id = %(organization)s AND resource = 'contact'
              UNION ALL SELECT name, 'unknown_location' FROM locations WHERE organization_id = %(organization)s) n
          ON n.problem = w.problem AND lower(n.name) = lower(btrim(split_part(w.reference, ';', 1)))
        GROUP BY w.reference, w.problem
    ) hints USING (reference, problem) WHERE problem IS NOT NULL
"""

# A contact may be in a group that has a location only if the contact is in that location after the import.
_CONTACT_LOCATIONS = """
    WITH touched AS (SELECT DISTINCT id, line FROM {refs}),
    in_groups AS (
        SELECT c.line, c.id, m.group_id FROM touched c
        JOIN memberships m ON m.organization_id = %(organization)s AND m.member_id = c.id
        WHERE NOT EXISTS (SELECT FROM {links} l WHERE l.relation = 'groups' AND l.id = c.id
                          AND l.target_id = m.group_id AND NOT l.added)
        UNION
        SELECT c.line, c.id, l.target_id FROM touched c JOIN {links} l ON l.id = c.id
        WHERE l.relation = 'groups' AND l.added
    )
    SELECT g.line, 'not_in_group_location', 'groups', s.name,
           'group ' || s.name || ' belongs to a location that the contact is not in; add ' || s.location_id
           || ' to its locations'
    FROM in_groups g
    JOIN ({groups}) s ON s.id = g.group_id
    WHERE NOT EXISTS (SELECT FROM {links} l WHERE l.relation = 'locations' AND l.id = g.id
                      AND l.target_id = s.location_id AND l.added)
      AND NOT EXISTS (SELECT FROM contact_locations c WHERE c.organization_id = %(organization)s
                      AND c.contact_id = g.id AND c.location_id = s.location_id
                      AND NOT EXISTS (SELECT FROM {links} l WHERE l.relation = 'locations' AND l.id = g.id
                                      AND l.target_id = s.location_id AND NOT l.added))
"""

# The same rule for rows that are groups: after the import every member is in the group's location.
_GROUP_LOCATIONS = """
    WITH touched AS (
        SELECT i.line, i.id, {location} AS location_id
        FROM {items} i LEFT JOIN groups t ON t.organization_id = %(organization)s AND t.id = i.id
        WHERE {location} IS NOT NULL
    ),
    members AS (
        SELECT g.line, g.location_id, m.member_id FROM touched g
        JOIN memberships m ON m.organization_id = %(organization)s AND m.group_id = g.id
        WHERE NOT EXISTS (SELECT FROM {links} l WHERE l.id = g.id AND l.target_id = m.member_id AND NOT l.added)
        UNION
        SELECT g.line, g.location_id, l.target_id FROM touched g JOIN {links} l ON l.id = g.id WHERE l.added
    )
    SELECT m.line, 'not_in_group_location', 'children', c.id,
           c.name || ' (' || c.id || ') is not in the location of the group, ' || m.location_id
           || '; add it there first'
    FROM members m
    JOIN contacts c ON c.organization_id = %(organization)s AND c.id = m.member_id
    WHERE NOT EXISTS (SELECT FROM contact_locations l WHERE l.organization_id = %(organization)s
                      AND l.contact_id = m.member_id AND l.location_id = m.location_id)
"""
