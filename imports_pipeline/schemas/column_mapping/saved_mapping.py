"""Saved mappings: what a person once said about the columns of a file, with the header that it was said about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.options import Options
from imports_pipeline.schemas.column_mapping.headers.aliases import normalise
from imports_pipeline.schemas.column_mapping.known_files.recognition import AUTO

# The number of headers that a message names, and the number of their characters.
_SHOWN: Final = 8
_SHOWN_LENGTH: Final = 40


#: The value of the option ``saved_mapping`` that stands for the mapping that was saved for the file's header.
ANY: Final = "*"


@dataclass(frozen=True)
class SavedMapping:
    """A mapping of columns under a name.

    Attributes:
        name: The name by which imports refer to it.
        resource: The resource of the rows.
        header: The headers of the file, as they were written.
        column_mapping: Field → header, as in the option of that name.
        known_file: The known file that the file is, or ``none``.
    """

    name: str
    resource: str
    header: tuple[str, ...]
    column_mapping: Mapping[str, str]
    known_file: str

    def apply(self, header: Sequence[str], resource: str, options: Options) -> Options:
        """Return the options with the saved mapping of columns, where the options do not name the field themselves.

        Raises:
            PermanentFailure: ``saved_mapping_differs``, if the header is not the one that the mapping was saved for.
                Order, case, columns without a name and columns that begin with ``_`` do not matter.
        """
        if resource != self.resource:
            raise self._differs(
                f"is for the resource {self.resource}, and the file is imported as {resource}"
            )
        saved, given = by_name(self.header), by_name(header)
        lacking = [name for key, name in saved.items() if key not in given]
        new = [name for key, name in given.items() if key not in saved]
        if lacking or new:
            parts = [f"the file lacks {_listed(lacking)}"] if lacking else []
            parts += [f"{_listed(new)} {'is' if len(new) == 1 else 'are'} new in the file"] if new else []
            raise self._differs(f"was saved for another header: {', and '.join(parts)}")
        return replace(
            options,
            column_mapping={**self.column_mapping, **options.column_mapping},
            known_file=self.known_file if options.known_file == AUTO else options.known_file,
        )

    def _differs(self, why: str) -> PermanentFailure:
        return PermanentFailure(
            "saved_mapping_differs",
            f"The saved mapping {self.name} {why}. Save it again for this file (`imports-pipeline mappings show "
            f"{self.name}` prints the command), or import the file without saved_mapping.",
        )


@dataclass(frozen=True)
class SavedMappings:
    """The saved mappings of an organization, the newest first, of which a file takes the one for its header."""

    mappings: tuple[SavedMapping, ...]

    def apply(self, header: Sequence[str], resource: str, options: Options) -> Options:
        """Return the options with the first mapping that was saved for this header and resource, if there is one."""
        names = by_name(header).keys()
        for one in self.mappings:
            if one.resource == resource and by_name(one.header).keys() == names:
                return one.apply(header, resource, replace(options, saved_mapping=one.name))
        return replace(options, saved_mapping=None)


def by_name(header: Sequence[str]) -> dict[str, str]:
    """Return the headers that count by their normalised names."""
    named = {normalise(text): text.strip() for text in header if not text.strip().startswith("_")}
    return {name: text for name, text in named.items() if name}


def _listed(names: Sequence[str]) -> str:
    cut = (name if len(name) <= _SHOWN_LENGTH else f"{name[: _SHOWN_LENGTH - 1]}…" for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"`{name}`" for name in cut) + more
