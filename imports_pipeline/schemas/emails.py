"""Read columns of email addresses, with the result and the normal form of the library ``email-validator``.

The library (``validate_email(…, check_deliverability=False)``: RFC 5321, 5322, 6531, IDNA 2008, RFC 2142, special-use
domains) is the authority. Regular expressions decide only texts for which the library's own rules leave one result, and
a property test compares both:

* ASCII text without ``"`` and ``<``, at most 64 bytes long, without a label that has ``--`` as its third and fourth
  character. Quoted local parts, display names, Unicode normalisation, IDNA and limits of length cannot apply. So the
  library accepts exactly a dot-atom, ``@``, two or more host-name labels of which the last ends with a letter, and no
  special-use domain at the end. The normal form is the same text with the domain in lower case; the local part is in
  lower case too if it is a mailbox name of RFC 2142.
* Text without ``@`` and text of more than 254 bytes, which the library always refuses.

Every other text is read by the library, each distinct value once, with a bounded cache in the process. From a cell that
is no plain address, the form in which a mail program wrote it is removed first (``email_forms.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.cells import Read, by_distinct, has_capitals, message, message_of
from imports_pipeline.schemas.email_forms import undecorated

# Constants of the library, which a test compares with it. Few files have an address that needs the library, and to load
# it takes 70 ms.
ATEXT: Final = r"a-zA-Z0-9_!#\$%&\'\*\+\-/=\?\^`\{\|\}~"
EMAIL_MAX_LENGTH: Final = 254
MAILBOX_NAMES: Final = (
    *("info", "marketing", "sales", "support", "abuse", "noc", "security", "postmaster", "hostmaster"),
    *("usenet", "news", "webmaster", "www", "uucp", "ftp"),
)
SPECIAL_USE_DOMAINS: Final = ("arpa", "invalid", "local", "localhost", "onion", "test")

# In a text of at most this many bytes, no label can exceed 63 bytes (RFC 1035), and no other limit is exceeded.
_SURELY_SHORT: Final = 64
_ATOM: Final = f"[{ATEXT}]+"
_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_LAST_LABEL: Final = "(?:[A-Za-z0-9][A-Za-z0-9-]*)?[A-Za-z]"
_PLAIN: Final = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LAST_LABEL}$"
_RESERVED: Final = "|".join(SPECIAL_USE_DOMAINS)
_MAILBOX: Final = "|".join(MAILBOX_NAMES)
# A plain address that needs more than a domain in lower case. One search shows that most addresses do not match.
_SPECIAL: Final = rf"(?i)(?:^(?:{_MAILBOX})@|[@.](?:{_RESERVED})$)"
_UNDECIDED: Final = r'["<]|[@.]..--|[^\x00-\x7f]'

_NULL: Final = pa.scalar(None, pa.string())
_BEFORE: Final = "is no email address: "
_AFTER: Final = "; correct it or leave the cell blank"


def read_emails(cells: pa.Array) -> Read:
    """Read a column of trimmed cells, null where blank."""
    return _read(cells, _read_decorated)


def _read(cells: pa.Array, read_others: Callable[[pa.Array], Read]) -> Read:
    """Read a column; plain addresses are read here, and the other cells by ``read_others``."""
    accepted = pc.match_substring_regex(cells, _PLAIN)
    short = pc.less_equal(pc.binary_length(cells), _SURELY_SHORT)
    special = pc.match_substring_regex(cells, _SPECIAL)
    plain = pc.and_not(pc.and_(accepted, short), special)
    # Labels that begin like Punycode need the library. `--` is rare, so this seldom excludes an address.
    dashes = pc.match_substring(cells, "--")
    if pc.any(dashes).as_py():
        plain = pc.and_not(plain, dashes)
    if pc.all(plain).as_py() is not False:
        return Read(_lower_domains(cells))
    hard = pc.fill_null(pc.invert(plain), False)
    easy = _lower_domains(pc.if_else(hard, _NULL, cells))
    read = read_others(cells.filter(hard))
    values = pc.replace_with_mask(easy, hard, read.values)
    if read.reasons is None:
        return Read(values)
    return Read(values, pc.replace_with_mask(pa.nulls(len(cells), pa.string()), hard, read.reasons))


def _read_decorated(values: pa.Array) -> Read:
    """Read values that may be one address in a form of a mail program."""
    return _read(undecorated(values), _read_hard)


def _lower_domains(addresses: pa.Array) -> pa.Array:
    """Return addresses, which have one ``@`` each, with the part after it in lower case."""
    if not has_capitals(addresses):
        return addresses
    upper = pc.fill_null(pc.match_substring_regex(addresses, "@.*[A-Z]"), False)
    if not pc.any(upper).as_py():
        return addresses
    parts = pc.list_flatten(pc.split_pattern(addresses.filter(upper), "@"))
    local = parts.take(pa.array(np.arange(0, len(parts), 2)))
    domain = pc.ascii_lower(parts.take(pa.array(np.arange(1, len(parts), 2))))
    return pc.replace_with_mask(addresses, upper, pc.binary_join_element_wise(local, domain, "@"))


def _read_hard(values: pa.Array) -> Read:
    """Read values that are no plain addresses in normal form: most are invalid, and a few need the library."""
    reserved = pc.match_substring_regex(values, rf"(?i)[@.](?:{_RESERVED})$")
    hopeless = pc.or_(
        pc.greater(pc.binary_length(values), EMAIL_MAX_LENGTH), pc.invert(pc.match_substring(values, "@"))
    )
    undecided = pc.and_not(
        pc.or_(
            pc.match_substring_regex(values, _UNDECIDED), pc.greater(pc.binary_length(values), _SURELY_SHORT)
        ),
        hopeless,
    )
    refused = pc.and_not(
        pc.or_(pc.or_(hopeless, reserved), pc.invert(pc.match_substring_regex(values, _PLAIN))), undecided
    )
    good = pc.invert(pc.or_(refused, undecided))
    some = values.filter(good)
    # A mailbox name of RFC 2142 means the same in any case.
    mailbox = pc.match_substring_regex(some, f"(?i)^(?:{_MAILBOX})@")
    normal = pc.if_else(mailbox, pc.ascii_lower(some), _lower_domains(some))
    canonical = pc.replace_with_mask(pa.nulls(len(values), pa.string()), good, normal)
    if not pc.any(refused).as_py() and not pc.any(undecided).as_py():
        return Read(canonical)
    wrong = values.filter(refused)
    reasons = pc.replace_with_mask(
        pa.nulls(len(values), pa.string()), refused, message(wrong, _BEFORE, _fault(wrong), _AFTER)
    )
    from_library = by_distinct(values.filter(undecided), _ask_library)
    return Read(
        pc.replace_with_mask(canonical, undecided, from_library.values),
        pc.replace_with_mask(reasons, undecided, from_library.reasons),
    )


def _fault(values: pa.Array) -> pa.Array:
    """Return the reason of each value that was refused without the library."""
    faults = {
        f"it is longer than {EMAIL_MAX_LENGTH} bytes": pc.greater(pc.binary_length(values), EMAIL_MAX_LENGTH),
        "it has no @": pc.invert(pc.match_substring(values, "@")),
        "it has more than one @": pc.match_substring_regex(values, "@.*@"),
        "there is nothing before the @": pc.starts_with(values, "@"),
        "there is nothing after the @": pc.ends_with(values, "@"),
        "there is text behind the address": pc.match_substring_regex(values, rf"^{_ATOM}@[^@\s]+\s"),
        "there is a space in it": pc.match_substring_regex(values, r"\s"),
        "a comma or a semicolon stands in it": pc.match_substring_regex(values, "[,;]"),
        "two periods stand side by side": pc.match_substring(values, ".."),
        "the part after the @ is a reserved name that gets no mail": pc.match_substring_regex(
            values, rf"(?i)[@.](?:{_RESERVED})$"
        ),
        "the part after the @ has no period": pc.invert(pc.match_substring_regex(values, r"@.*\.")),
        "a period stands at the beginning or end of it, or beside the @": pc.match_substring_regex(
            values, r"^\.|\.$|\.@|@\."
        ),
        "it has a character that is not allowed before the @": pc.match_substring_regex(
            values, rf"^[^@]*[^{ATEXT}.@]"
        ),
    }
    conditions = pc.make_struct(*faults.values(), field_names=[str(n) for n in range(len(faults))])
    chosen = pc.case_when(
        conditions,
        *(pa.scalar(fault) for fault in faults),
        pa.scalar("the part after the @ is no domain name"),
    )
    return pa.repeat(chosen, len(values)) if isinstance(chosen, pa.Scalar) else chosen


@lru_cache(maxsize=65_536)
def _ask_library(value: str) -> tuple[str | None, str | None]:
    """Return the library's result: the normal form and ``None``, or ``None`` and the message."""
    import email_validator

    try:
        return email_validator.validate_email(value, check_deliverability=False).normalized, None
    except email_validator.EmailNotValidError as error:
        reason = str(error).rstrip(".")
    return None, message_of(value, _BEFORE, reason[0].lower() + reason[1:], _AFTER)
