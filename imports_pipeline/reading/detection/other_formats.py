"""Recognises text files of other formats by their beginning, so that the error names the format and says what to do.

Only beginnings that no table has are recognised: a CSV file whose first header is ``<b>`` or ``version`` stays one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from imports_pipeline.reading.options import NotATable

_EXPORT: Final = "export a CSV file where it came from"
_PAGE: Final = (
    "if it was downloaded, the source answered with a web page: is the link or the login expired? If it is a"
    " table saved as a page, open it in a spreadsheet program and save it as CSV or XLSX"
)
#: Comments and declarations that may stand above the first element of HTML and XML.
_ABOVE: Final = r"(?:<!--.*?-->\s*|<\?(?!xml[\s-]).*?\?>\s*)*"
_XML: Final = _ABOVE + r"(?:<\?xml\s.*?\?>\s*" + _ABOVE + ")"
_STORE_ERROR: Final = r"<Error>\s*<Code>(\w{1,60})</Code>"
_WORKBOOK: Final = r".{0,2000}(?:urn:schemas-microsoft-com:office:spreadsheet|progid=\"Excel\.Sheet\")"

#: How the text begins → what it is, and what to do; the first that matches counts. Blanks above are left out.
_BEGINNINGS: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), what, advice)
    for pattern, what, advice in (
        (
            f"(?:{_XML})?{_STORE_ERROR}",
            "an XML error message of a file store ({})",
            "the source answered with an error: is the link expired, or are its credentials missing?",
        ),
        (_XML + _WORKBOOK, "an XML workbook of Excel 2003", "open it in Excel and save it as CSV or XLSX"),
        (
            f"(?:{_XML})?{_ABOVE}<(?:!doctype\\s+html|html|head|body|title|meta|script|style|table|div|center|frameset)"
            r"(?:[\s>/])",
            "an HTML page",
            _PAGE,
        ),
        (_XML + r"<rss[\s>]|" + _XML + r"<feed[\s>]", "an RSS or Atom feed", _EXPORT),
        (_XML + r"<|" + _ABOVE + r"<!DOCTYPE\s", "an XML document", _EXPORT),
        (r"BEGIN:VCARD\s*[\r\n]", "a vCard", "export the contacts as CSV"),
        (r"BEGIN:VCALENDAR\s*[\r\n]", "an iCalendar file", _EXPORT),
        (
            r"version:\s*1\s*[\r\n]+\s*(?:#[^\r\n]*[\r\n]+)*dn:|dn::?\s*[^\r\n,;\t]+=[^\r\n]+,",
            "an LDIF file",
            _EXPORT,
        ),
        (
            r"version https://(?:git-lfs|hawser)\.[\w.]+/spec/",
            "a Git LFS pointer, which stands for a file",
            "fetch the file itself (`git lfs pull`) and send that",
        ),
        (
            r"(?:\.\./)*\.git/annex/objects/|/annex/objects/",
            "a git-annex pointer, which stands for a file",
            "fetch the file itself (`git annex get`) and send that",
        ),
        (
            r"ID;P[^\r\n]*(?:\r\n|\r|\n)(?:(?:(?:P|B|C|F|O|W|NN|NE|NU|ID);[A-Z][^\r\n]*(?:\r\n|\r|\n)){2}|C;[XY]\d+;)",
            "a SYLK file",
            "open it in a spreadsheet program and save it as CSV or XLSX",
        ),
        (r"\{\\rtf\d?\\", "an RTF document", _EXPORT),
        (r"%!PS-Adobe|%PDF-", "a PDF or PostScript document", _EXPORT),
        (
            r"(?:--[^\r\n]*\s+|/\*.*?\*/;?\s*|SET\s[^;\r\n]{1,200};\s*)*"
            r"(?:CREATE\s+(?:TABLE|DATABASE|SCHEMA)|INSERT\s+INTO|DROP\s+TABLE|COPY\s+\S+\s*\([^)]*\)\s+FROM\s+stdin)\s",
            "an SQL script",
            "export the table as CSV",
        ),
        (r"From:?\s[^\r\n]*@[^\r\n]*[\r\n]+(?:[\w-]+:\s[^\r\n]*[\r\n]+){2}", "an email message", _EXPORT),
    )
)
_JSON_ARRAY: Final = re.compile(
    r"(?:\[\s*)+(?:\]|\{\s*[}\"]|\"(?:[^\"\\]|\\.)*\"\s*[\],]|-?\d[\d.eE+-]*\s*[\],]|null\b)"
)
_JSON_OBJECT: Final = re.compile(r"\{\s*(?:\}|\"(?:[^\"\\]|\\.)*\"\s*:)")


def check_text(text: str) -> None:
    """Check that text is of no other format that is known. Raises ``NotATable`` that names the format."""
    text = text.lstrip("\ufeff\r\n\t \x0b\x0c")
    for pattern, what, advice in _BEGINNINGS:
        if found := pattern.match(text):
            named = what.format(*(group for group in found.groups() if group))
            raise NotATable("not_a_table", f"The file is {named}, not a table: {advice}.")
    if _JSON_OBJECT.match(text) or _JSON_ARRAY.match(text):
        raise NotATable(
            "not_a_table",
            "The file is JSON, not a table: send its objects as `data` of an import by the HTTP API, or as CSV."
            " A single object with an error in it is an answer of the source: is the link or the login expired?",
        )


#: A file in a zip → what the zip is.
_ZIPS: Final = (
    (re.compile(r"word/document\d*\.xml"), "a Word document"),
    (re.compile(r"ppt/presentation\.xml"), "a PowerPoint presentation"),
    (re.compile(r"xl/workbook\.bin"), "a binary workbook (XLSB)"),
    (re.compile(r"Index/.*\.iwa|Index\.zip"), "a document of Numbers, Pages or Keynote"),
    (re.compile(r"META-INF/manifest\.xml"), "an OpenDocument file"),
    (re.compile(r"doc\.kml"), "a KMZ file"),
    (re.compile(r"META-INF/container\.xml"), "an EPUB book"),
    (re.compile(r"META-INF/MANIFEST\.MF"), "a Java archive"),
)


def check_zip(names: Iterable[str]) -> None:
    """Check that the files in a zip make no document of another program. Raises ``NotATable`` that names it."""
    for name in names:
        for pattern, what in _ZIPS:
            if pattern.fullmatch(name):
                raise NotATable("not_a_table", f"The file is {what}: save its table as CSV or XLSX.")
