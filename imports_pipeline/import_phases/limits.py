"""The limits of one file: how much an import reads, depending on its mode and its way in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from imports_pipeline.model.failures import PermanentFailure
from imports_pipeline.model.imports import Import
from imports_pipeline.model.option_choices import Mode
from imports_pipeline.reading.unpacking import UnpackingLimits
from imports_pipeline.settings import Settings

# The XML of a workbook has about ten times as many bytes as its cells have as CSV.
_XML_FACTOR: Final = 10
_PUT: Final = "request the import without data, and put the file to its _upload_url"


@dataclass(frozen=True)
class Limits:
    """The limits of one installation; the defaults are those of ``Settings``."""

    sync_bytes: int = Settings.sync_bytes
    rows: int = Settings.rows
    unpacked_bytes: int = Settings.unpacked_bytes
    unpacked_ratio: int = Settings.unpacked_ratio
    api_unpacked_bytes: int = Settings.api_unpacked_bytes
    api_rows: int = Settings.api_rows

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits in the settings of an installation."""
        return cls(
            settings.sync_bytes,
            settings.rows,
            settings.unpacked_bytes,
            settings.unpacked_ratio,
            settings.api_unpacked_bytes,
            settings.api_rows,
        )

    def unpacking(self, import_: Import) -> UnpackingLimits:
        """Return the limits of unpacking the file of an import."""
        own = UnpackingLimits(
            self.unpacked_bytes, min(self.unpacked_bytes, UnpackingLimits.xml_bytes), self.unpacked_ratio
        )
        if import_.options.mode is Mode.SYNC:
            return replace(
                own,
                bytes=min(own.bytes, self.sync_bytes),
                xml_bytes=min(own.xml_bytes, _XML_FACTOR * self.sync_bytes),
                code="sync_limit_exceeded",
                advice="use mode mixed",
            )
        if import_.source == "api":
            most = self.api_unpacked_bytes
            return replace(
                own,
                bytes=min(own.bytes, most),
                xml_bytes=min(own.xml_bytes, most),
                advice=_PUT,
            )
        return own

    def check_rows(self, import_: Import, rows: int) -> None:
        """Raise ``PermanentFailure`` if the file of an import has too many rows.

        Args:
            import_: the import.
            rows: the number of rows that were read so far.
        """
        if import_.source == "api" and rows > self.api_rows:
            most = self.api_rows
            advice = "send them in several batches" if import_.is_batch else f"{_PUT}, or split it"
        elif rows > self.rows:
            most, advice = self.rows, "split it into several files"
        else:
            return
        raise PermanentFailure(
            "too_many_rows",
            f"There are more than the {most:,} rows that one import of this kind takes; {advice}.",
        )


#: The limits of an installation without settings.
USUAL: Final = Limits()
