"""The forms in which mail programs and web pages write one email address, and the address in them.

``mailto:a@b.org``, ``<a@b.org>``, ``Name <a@b.org>`` and ``a@b.org;`` are ``a@b.org``. Only what can be nothing but a
form of one address is taken off: a cell with a second address keeps all of its text, and so does one with words behind
the address.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_QUOTES: Final = "\"'“”„‘’"
#: Text without marks of a form; whether it is an address is for ``emails`` to say.
_ADDRESS: Final = rf"[^\s<>()\[\]:;,\"“”„]+@[^\s<>()\[\]:;,{_QUOTES}]+"
_MAILTO: Final = r"(?:mailto:\s*)?"
_END: Final = r"[\s;,]*$"
#: An address alone, in quotes or not. An apostrophe at its beginning is taken off before (``spreadsheet_cells``).
_BARE: Final = rf"(?i)^[\"“„]?{_MAILTO}(?P<address>{_ADDRESS})[{_QUOTES}]*{_END}"
#: An address in angle brackets, with the name of its owner before it or not.
_NAMED: Final = rf"(?i)^(?P<name>[^<>]*)<\s*{_MAILTO}(?P<address>{_ADDRESS})\s*>{_END}"


def undecorated(cells: pa.Array) -> pa.Array:
    """Return the address of each cell that is one form of one address; the others as they are."""
    bare = pc.struct_field(pc.extract_regex(cells, _BARE), "address")
    named = pc.extract_regex(cells, _NAMED)
    address = pc.struct_field(named, "address")
    name = pc.utf8_trim(pc.struct_field(named, "name"), characters=f" \t{_QUOTES}")
    # Mail programs write the address in place of a name they do not know; another address is a second one.
    alone = pc.or_(
        pc.invert(pc.match_substring(name, "@")), pc.equal(pc.utf8_lower(name), pc.utf8_lower(address))
    )
    return pc.coalesce(bare, pc.if_else(alone, address, pa.scalar(None, pa.string())), cells)
