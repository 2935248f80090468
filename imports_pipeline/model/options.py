"""The options of an import: the one list with types, defaults, descriptions and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import Any, Final, get_type_hints

from imports_pipeline.model import option_values
from imports_pipeline.model.option_choices import (
    Action,
    BadCells,
    BlankCells,
    Compression,
    DuplicateHandling,
    LineEnd,
    MissingGroups,
    MissingName,
    Mode,
    Remember,
    UnknownColumns,
)
from imports_pipeline.model.option_declarations import Declaration, Group, about

_LONGEST_TIMEOUT: Final = 7 * 24 * 3600  # seconds: a week
_LAST_HEADER_LINE: Final = 1_000_000
#: The largest count that an option takes.
LARGEST_COUNT: Final = 10**12


@dataclass(frozen=True)
class Options:
    """The options of one import. Immutable; ``Options.of`` checks and converts what a caller gives.

    This is the one list of options. The command line, the run config of Dagster, the OpenAPI document and
    ``docs/reference/options.md`` are made from ``declarations()``.
    """

    action: Action = field(
        default=Action.MERGE,
        metadata=about(
            "merge creates and updates records. overwrite does the same, then deletes every other record of the scope."
            " delete deletes the records whose ids the file names.",
            Group.ROWS,
        ),
    )
    mode: Mode = field(
        default=Mode.MIXED,
        metadata=about(
            "mixed answers after the checks and writes in the background. sync answers when everything is done, and"
            " takes small files only.",
            Group.RUN,
        ),
    )
    duplicate_handling: DuplicateHandling = field(
        default=DuplicateHandling.IGNORE_ALL,
        metadata=about(
            "Rows of the file that share an identity value: ignore_all rejects all of them, use_first keeps the first.",
            Group.ROWS,
        ),
    )
    blank_cells: BlankCells = field(
        default=BlankCells.KEEP,
        metadata=about("A blank cell keeps the stored value, or clears it.", Group.ROWS),
    )
    unknown_columns: UnknownColumns = field(
        default=UnknownColumns.IGNORE,
        metadata=about(
            "Columns that the resource does not have are ignored and listed, or the file is rejected.",
            Group.ROWS,
        ),
    )
    bad_cells: BadCells | None = field(
        default=None,
        metadata=about(
            "An invalid value of an optional field, such as a phone number: reject rejects its row; leave_out lists the"
            " value in the errors file and imports the rest of the row. Without it: reject; leave_out for known files.",
            Group.ROWS,
            otherwise=BadCells.REJECT,
        ),
    )
    missing_groups: MissingGroups | None = field(
        default=None,
        metadata=about(
            "A group that a contact's row names and that is not stored: reject rejects the row; create creates the"
            " group. Without it: reject; create for known files.",
            Group.ROWS,
            otherwise=MissingGroups.REJECT,
        ),
    )
    missing_name: MissingName | None = field(
        default=None,
        metadata=about(
            "A new contact without a name: reject rejects its row; email takes its email as the name. Without it:"
            " reject; email for known files.",
            Group.ROWS,
            otherwise=MissingName.REJECT,
        ),
    )
    match_on: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Identity keys in order, such as email,external_id. Without it: id, external_id, email for contacts,"
            " and id, external_id, name with resource for groups.",
            Group.ROWS,
        ),
    )
    location_id: str | None = field(
        default=None,
        metadata=about("Limits the import, and what an overwrite deletes, to one location.", Group.ROWS),
    )
    column_mapping: Mapping[str, str] = field(
        default_factory=dict,
        metadata=about(
            "Field to header, for headers that are not understood, such as email=Mail (work). A name that begins with"
            " _, such as _1=Notes, leaves the column out.",
            Group.ROWS,
            of_a_file=True,
        ),
    )
    saved_mapping: str | None = field(
        default=None,
        metadata=about(
            "The name of a mapping of columns that `imports-pipeline mappings save` saved for files of this header."
            " A file with another header is refused; column_mapping replaces it field by field. * takes the newest one"
            " that was saved for the file's header and resource, if there is one.",
            Group.ROWS,
            of_a_file=True,
        ),
    )
    known_file: str = field(
        default="auto",
        metadata=about(
            "Whether the file is the export of a known product: auto recognises it by its header, none never does, and"
            " a name such as google-contacts takes it for one. See `imports-pipeline known-files`.",
            Group.ROWS,
            of_a_file=True,
        ),
    )
    default_region: str | None = field(
        default=None,
        metadata=about(
            "Country of phone numbers without a country code: two letters, such as DE.", Group.ROWS
        ),
    )
    encoding: str | None = field(
        default=None,
        metadata=about(
            "The file's encoding, such as cp1250. Detected if not given.", Group.READING, of_a_file=True
        ),
    )
    delimiter: str | None = field(
        default=None,
        metadata=about("The character between cells. Detected if not given.", Group.READING, of_a_file=True),
    )
    quote: str | None = field(
        default=None,
        metadata=about(
            "The quote character; an empty text means none. Detected if not given.",
            Group.READING,
            of_a_file=True,
        ),
    )
    escape: str | None = field(
        default=None,
        metadata=about(
            "The character before a quote inside a quoted cell where quotes are not doubled, such as a backslash."
            " Detected if not given.",
            Group.READING,
            of_a_file=True,
        ),
    )
    line_end: LineEnd | None = field(
        default=None,
        metadata=about("What ends a line. Detected if not given.", Group.READING, of_a_file=True),
    )
    header_line: int | None = field(
        default=None,
        metadata=about(
            "The line of the header, counted from 1. Detected if not given.",
            Group.READING,
            of_a_file=True,
            minimum=1,
            maximum=_LAST_HEADER_LINE,
        ),
    )
    sheet: str | None = field(
        default=None,
        metadata=about(
            "The sheet of an XLSX workbook. Without it: the first visible one.", Group.READING, of_a_file=True
        ),
    )
    compression: Compression | None = field(
        default=None,
        metadata=about(
            "How the file is packed; a workbook (XLSX) counts as none. Detected if not given.",
            Group.READING,
            of_a_file=True,
        ),
    )
    parts: bool = field(
        default=False,
        metadata=about(
            "The source is a glob; the files that it matches are read as one.", Group.SOURCE, of_a_file=True
        ),
    )
    max_age: str | None = field(
        default=None,
        metadata=about(
            "Fail if the source is older than this: a number and s, m, h or d, such as 26h.",
            Group.SOURCE,
            of_a_file=True,
        ),
    )
    dry_run: bool = field(
        default=False, metadata=about("Compute the plan, line by line, and write nothing.", Group.GUARDS)
    )
    max_deletions: int | None = field(
        default=None,
        metadata=about(
            "Approve the removal of up to this many records. It replaces the guards.",
            Group.GUARDS,
            minimum=0,
            maximum=LARGEST_COUNT,
        ),
    )
    max_errors: int | str | None = field(
        default=None,
        metadata=about(
            "Fail before writing if more rows than this are rejected: a count, or a share such as 5%.",
            Group.GUARDS,
        ),
    )
    deletion_floor: int | None = field(
        default=None,
        metadata=about(
            "Guard: this many removals are always allowed. Without it: the organization's limit (10).",
            Group.GUARDS,
            minimum=0,
            maximum=LARGEST_COUNT,
        ),
    )
    deletion_percent: float | None = field(
        default=None,
        metadata=about(
            "Guard: the largest share of the scope that may be removed beyond the floor. Without it: the"
            " organization's limit (10).",
            Group.GUARDS,
            minimum=0,
            maximum=100,
        ),
    )
    deletion_total: int | None = field(
        default=None,
        metadata=about(
            "Guard: never more removals than this. Without it: the organization's limit (500).",
            Group.GUARDS,
            minimum=0,
            maximum=LARGEST_COUNT,
        ),
    )
    timeout: int = field(
        default=3600,
        metadata=about(
            "Seconds after which the import is rolled back and ends timed_out.",
            Group.RUN,
            minimum=1,
            maximum=_LONGEST_TIMEOUT,
        ),
    )
    remember: Remember = field(
        default=Remember.AUTO,
        metadata=about(
            "auto remembers the rows of a large file of contacts: the next such file costs what has changed in it.",
            Group.RUN,
            of_a_file=True,
        ),
    )
    save_upload: bool = field(
        default=True, metadata=about("Keep the uploaded file.", Group.RUN, of_a_file=True)
    )
    save_result: bool = field(
        default=False, metadata=about("Write a file with the id and the outcome of each line.", Group.RUN)
    )

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """Check options (name → plain value; ``None`` means not given) and return them converted.

        Raises:
            InvalidOption: an option is unknown, or its value is out of bounds.
        """
        known = declarations()
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise option_values.unknown_option(unknown[0], known)
        for name, value in given.items():
            option_values.check_text(name, value)
        values = {
            name: option_values.convert(known[name], value)
            for name, value in given.items()
            if value is not None
        }
        option_values.check_dialect(values)
        return cls(**values)

    def with_defaults(self, defaults: Mapping[str, Any]) -> Options:
        """Return the options with these values where the caller gave none: what is known about a file sets them.

        Raises:
            InvalidOption: as ``of`` does.

        Example:
            >>> Options.of({"bad_cells": "reject"}).with_defaults({"bad_cells": "leave_out"}).bad_cells
            <BadCells.REJECT: 'reject'>
        """
        given = self.as_dict()
        return Options.of(
            {**given, **{name: value for name, value in defaults.items() if given.get(name) is None}}
        )

    def shown(self) -> dict[str, Any]:
        """Return the options as plain values with what holds where nothing was given; ``of`` needs ``as_dict``."""
        known = declarations()
        return {
            name: known[name].otherwise if value is None else value for name, value in self.as_dict().items()
        }

    def given(self) -> dict[str, Any]:
        """Return the options that are not None, as plain values that JSON can carry and ``of`` takes back."""
        return {name: value for name, value in self.as_dict().items() if value is not None}

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values that JSON can carry and ``of`` takes back."""
        plain = asdict(self)
        plain["match_on"] = list(self.match_on)
        plain["column_mapping"] = dict(self.column_mapping)
        return plain


@cache
def declarations() -> Mapping[str, Declaration]:
    """Return how each option is declared, by name, in the order of the fields of ``Options``."""
    hints = get_type_hints(Options)
    defaults = Options()
    return {
        f.name: Declaration(f.name, hints[f.name], getattr(defaults, f.name), **f.metadata)
        for f in fields(Options)
    }
