"""Find the address in the forms in which mail programs and web pages write one email address.

``mailto:a@b.org``, ``<a@b.org>``, ``Name <a@b.org>`` and ``a@b.org;`` mean ``a@b.org``. A form is removed only if the
cell can be nothing else than one address: a cell with a second address, or with words after the address, keeps all of
its text. Full-width characters (``ａ＠ｂ``), which Japanese keyboards write, are read as the ASCII characters that they
stand for.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_QUOTES: Final = "\"'“”„‘’"
# A text with an @ and without the marks of a form. ``emails.py`` decides if it is a valid address.
_ADDRESS: Final = rf"[^\s<>()\[\]:;,\"“”„]+@[^\s<>()\[\]:;,{_QUOTES}]+"
_MAILTO: Final = r"(?:mailto:\s*)?"
_END: Final = r"[\s;,]*$"
# An address alone, with or without quotes. ``spreadsheet_cells.py`` has removed an apostrophe before it.
_BARE: Final = rf"(?i)^[\"“„]?{_MAILTO}(?P<address>{_ADDRESS})[{_QUOTES}]*{_END}"
# An address in angle brackets, with or without the name of its owner before it.
_NAMED: Final = rf"(?i)^(?P<name>[^<>]*)<\s*{_MAILTO}(?P<address>{_ADDRESS})\s*>{_END}"


# The full-width forms of the printable ASCII characters (U+FF01 to U+FF5E), and these.
_WIDE: Final = r"[\x{ff01}-\x{ff5e}]"
_NARROW: Final = {0xFF01 + at: 0x21 + at for at in range(0x5E)}


def undecorated(cells: pa.Array) -> pa.Array:
    """Return the address of each cell that is a form of one address, and every other cell as it is."""
    cells = _narrowed(cells)
    bare = pc.struct_field(pc.extract_regex(cells, _BARE), "address")
    named = pc.extract_regex(cells, _NAMED)
    address = pc.struct_field(named, "address")
    name = pc.utf8_trim(pc.struct_field(named, "name"), characters=f" \t{_QUOTES}")
    # Mail programs write the address in place of an unknown name. If the name is another address, the cell has two.
    alone = pc.or_(
        pc.invert(pc.match_substring(name, "@")), pc.equal(pc.utf8_lower(name), pc.utf8_lower(address))
    )
    return pc.coalesce(bare, pc.if_else(alone, address, pa.scalar(None, pa.string())), cells)


def _narrowed(cells: pa.Array) -> pa.Array:
    """Return the cells with ASCII characters in place of full-width ones."""
    wide = pc.fill_null(pc.match_substring_regex(cells, _WIDE), False)
    if not pc.any(wide).as_py():
        return cells
    narrow = [text.translate(_NARROW) for text in cells.filter(wide).to_pylist()]
    return pc.replace_with_mask(cells, wide, pa.array(narrow, pa.string()))
