"""What people do in SQL between two nights: changes of contacts, groups, memberships and locations."""

from __future__ import annotations

from typing import Final

import psycopg

# Changes of groups, memberships and locations.
_OF_LINKS: Final = {
    "unlink": "DELETE FROM memberships WHERE organization_id = %(organization)s AND member_id = %(id)s",
    "link": (
        "INSERT INTO memberships SELECT g.organization_id, g.id, c.id FROM groups g JOIN contacts c"
        " USING (organization_id)"
        " WHERE g.name = 'Red' AND organization_id = %(organization)s AND c.id = %(id)s ON CONFLICT DO NOTHING"
    ),
    "move": (
        "INSERT INTO contact_locations (organization_id, contact_id, location_id) SELECT organization_id, c.id, l.id"
        " FROM locations l JOIN contacts c USING (organization_id)"
        " WHERE l.name = 'Red' AND organization_id = %(organization)s AND c.id = %(id)s ON CONFLICT DO NOTHING"
    ),
    "group": (
        "UPDATE groups g SET name = CASE g.name WHEN 'Blue' THEN 'Yellow' ELSE 'Blue' END FROM contacts c"
        " WHERE g.name IN ('Blue', 'Yellow') AND g.organization_id = %(organization)s AND c.id = %(id)s"
        " AND NOT EXISTS (SELECT FROM groups o WHERE o.organization_id = g.organization_id AND o.id <> g.id"
        " AND o.name IN ('Blue', 'Yellow'))"
    ),
}
_OF_CONTACTS: Final = {
    "set": "UPDATE contacts SET notes = %(note)s WHERE organization_id = %(organization)s AND id = %(id)s",
    "steal": "UPDATE contacts SET email = %(email)s WHERE organization_id = %(organization)s AND id = %(id)s",
    "delete": "DELETE FROM contacts WHERE organization_id = %(organization)s AND id = %(id)s",
    "nothing": "UPDATE contacts SET name = name WHERE organization_id = %(organization)s AND id = %(id)s",
    "insert": (
        "INSERT INTO contacts (name, email, created_by, updated_by, organization_id, id)"
        " VALUES (%(note)s, %(email)s, 'hand', 'hand', %(organization)s, %(new_id)s)"
    ),
}
#: The kinds of changes.
KINDS: Final = (*_OF_CONTACTS, *_OF_LINKS)


def change(
    connection: psycopg.Connection, kind: str, organization: str, contact: str, number: int, email: str | None
) -> None:
    """Change an organization's records.

    Args:
        connection: a connection whose transaction reads the organization's own tables.
        kind: one of ``KINDS``.
        organization: the organization.
        contact: the id of a contact.
        number: the number of the change, which its values have.
        email: the email address that a contact gets.
    """
    values = {
        "organization": organization,
        "id": contact,
        "note": f"By hand {number}",
        "email": email,
        "new_id": f"ctct_7zzzzzzzzz{number:016d}",
    }
    connection.execute((_OF_CONTACTS | _OF_LINKS)[kind], values)
