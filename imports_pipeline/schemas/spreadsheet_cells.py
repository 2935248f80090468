r"""Remove the marks of spreadsheets from cells, and find the values that spreadsheets have damaged.

* Marks. Exports and people write ``="00017"``, ``'00017`` and ``'00017'`` so that a spreadsheet reads a text and no
  number: the value is ``00017``. An apostrophe can also belong to a name (``'t Hooft``, ``'Ali``), so it is removed
  from a text only if something shows that it is a mark (``_apostrophes_to_remove``).
* Damage. Spreadsheets shorten long numbers (``4.91512E+11``, or zeros after the 15 digits that Excel keeps) and show
  errors (``#N/A``) in place of values. The value itself is lost, so the cell is refused.
* Placeholders. Programs write ``NULL``, ``\N`` or ``N/A`` for "no value". As an id such a text would make strangers one
  record, so it is refused in an id, an email or a phone. A name may be one of them: Null is a surname.

All functions work on whole columns, and only on the cells whose first byte may begin one of these texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from imports_pipeline.schemas.catalog import Field, Kind
from imports_pipeline.schemas.cells import first_bytes, message, text_bytes, trimmed


class Origin(StrEnum):
    """The kind of file that cells come from.

    ``TEXT`` is a CSV file, whose numbers a spreadsheet may have written. In a ``WORKBOOK`` each cell is known to be a
    text or a number, and the reader has refused numbers that are too long. ``ITEMS`` are JSON and are not changed.
    """

    TEXT = "text"
    WORKBOOK = "workbook"
    ITEMS = "items"


#: The fields of kind TEXT that hold an id. A number in one of them is an identifier and not a quantity.
ID_FIELDS: Final = frozenset({"external_id", "id_number"})

# A formula that is one text. Quotes inside the text are doubled.
_FORMULA: Final = r'(?s)^=\s*"((?:[^"]|"")*)"$'
_APOSTROPHES: Final = "'‘’"
# A number or an address after an apostrophe, which is then always a mark. Before a formula (`'=x`) it may be part of a
# text that an earlier import has stored, and importing an export of that text must not change it.
_NO_NAME: Final = rf"^[{_APOSTROPHES}](?:[+\-]?[0-9][0-9 ().,/:\-]*|[^\s@]+@[^\s@]+)$"
# Dutch and Afrikaans names can begin with a shortened article: 't Hooft, 's-Gravenhage, 'n Dag.
_ARTICLE: Final = rf"^[{_APOSTROPHES}][dkmnrst][ \-]"

# A number as spreadsheets and programs shorten it: with a decimal mark, or with a signed exponent. `12E5` does not
# match: no spreadsheet writes it, and it may be a code.
_SCIENTIFIC: Final = r"[+\-]?(?:[0-9]+[.,][0-9]*[eE][+\-]?[0-9]+|[0-9]+[eE][+\-][0-9]+)"
# The number of significant digits that Excel keeps. It writes zeros for the others.
_KEPT_DIGITS: Final = 15
_ROUNDED: Final = r"[+\-]?[1-9][0-9]{14}0+"
_PLACEHOLDER: Final = r"(?i:null|\(null\)|<null>|\\n|nan|<na>|none|nil|n/a|undefined|-{1,3}|–|—)"

# The errors of Excel and LibreOffice Calc, in the languages that have their own texts.
_ERRORS: Final = (
    "#REF! #NAME? #N/A #VALUE! #DIV/0! #NULL! #NUM! #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! #UNKNOWN! #BUSY! "
    "#EXTERNAL! #PYTHON! #GETTING_DATA #ERROR! "
    "#BEZUG! #NV #WERT! #ZAHL! #ÜBERLAUF! #KALK! #FELD! #BLOCKIERT! #VERBINDEN! #UNBEKANNT! "
    "#NOM? #VALEUR! #NOMBRE! #NUL! #PROPAGATION! #CHAMP! "
    "#¡REF! #¿NOMBRE? #¡VALOR! #¡DIV/0! #¡NUM! #¡NULO! #N/D #¡DESBORDAMIENTO! #¡CALC! "
    "#NOME? #VALOR! #NÚM! #NULO! #RIF! #VALORE! #NULLO! #ESPANSIONE! "
    "#VERW! #NAAM? #WAARDE! #N/B #GETAL! #LEEG! #DEEL/0! #OVERLOOP! "
    "#ADR! #NAZWA? #ARG! #N/D! #LICZBA! #ZERO! #DZIEL/0! "
    "#REFERENS! #NAMN? #VÄRDEFEL! #SAKNAS! #OGILTIGT! #DIVISION/0! #SKÄRNING! "
    "#REFERENCE! #NAVN? #VÆRDI! #I/T #VERDI! #REFERANSE! #VIITTAUS! #NIMI? #ARVO! #PUUTTUU! #LUKU! #JAKO/0! "
    "#TYHJÄ! #ODKAZ! #NÁZEV? #HODNOTA! #NENÍ_K_DISPOZICI #ČÍSLO! #DĚLENÍ_NULOU! #HIV! #NÉV? #ÉRTÉK! #HIÁNYZIK "
    "#SZÁM! #ZÉRÓOSZTÓ! #BAŞV! #AD? #DEĞER! #YOK #SAYI! #SAYI/0! #ССЫЛКА! #ИМЯ? #Н/Д #ЗНАЧ! #ЧИСЛО! #ДЕЛ/0! "
    "#ПУСТО!"
)
_LISTED_ERRORS: Final = pa.array(_ERRORS.split())
# The text that Excel shows in a column that is too narrow for a number or a date.
_TOO_NARROW: Final = "^#{3,}$"
# LibreOffice shows its other errors by number, with a word of its language: `Err:502`.
_NUMBERED_BYTES: Final = len("Fehler:502")
_NUMBERED: Final = r"^(?:Err|Fehler|Erreur)\s?:5[0-9]{2}$"


def _table(characters: str) -> np.ndarray:
    """Return for each of the 256 bytes whether it is the first byte in UTF-8 of one of ``characters``."""
    table = np.zeros(256, np.bool_)
    table[[character.encode()[0] for character in characters]] = True
    return table


_EQUALS: Final = _table("=")
_MAY_MARK: Final = _table(_APOSTROPHES)
_MAY_BE_ERROR: Final = _table("#")
_MAY_BE_NUMBERED_ERROR: Final = _table("EF")
_MAY_BE_NUMBER: Final = _table("0123456789+-")
_MAY_BE_PLACEHOLDER: Final = _table("nNuU(<\\-–")

_NULL: Final = pa.scalar(None, pa.string())
_NO_ROWS: Final = np.zeros(0, np.int64)
_NO_MESSAGES: Final = pa.array([], pa.string())
_ASK_FOR_TEXT: Final = "format the column as text in the spreadsheet and export it again"
_SHORTENED: Final = "was shortened by a spreadsheet, and its other digits are lost: "
_ROUNDED_ADVICE: Final = f"{_ASK_FOR_TEXT}; if the zeros are right, write an apostrophe before the number"
_CORRECT: Final = "correct its formula, or put the value in its place"
_NO_VALUE: Final = "stands for no value: "
_ERROR: Final = "is an error that a spreadsheet shows in place of a value: "


@dataclass(frozen=True)
class Column:
    """A column of cells without the spreadsheet's marks: null where blank.

    Attributes:
        texts: the cells.
        first: the first byte of each cell, 0 if it is blank.
        present: for each of the 256 bytes whether any cell begins with it. In nearly all columns this shows at once
            that none of the texts of this module occurs.
        marked: which cells had a mark of a text, so that they were never a number; ``None`` if none had.
    """

    texts: pa.Array
    first: np.ndarray
    present: np.ndarray
    marked: np.ndarray | None = None

    @classmethod
    def of(cls, texts: pa.Array, marked: np.ndarray | None = None) -> Column:
        """Return a column of trimmed cells."""
        first = first_bytes(texts)
        return cls(texts, first, np.bincount(first, minlength=256) > 0, marked)

    def beginning(self, firsts: np.ndarray) -> np.ndarray:
        """Return which cells begin with one of the bytes set in the table ``firsts``."""
        if not (firsts & self.present).any():
            return np.zeros(len(self.first), np.bool_)
        flags: np.ndarray = firsts[self.first]
        return flags

    def among(self, candidates: np.ndarray, pattern: str) -> np.ndarray:
        """Return which of the cells that are marked in ``candidates`` match ``pattern``."""
        found = candidates.copy()
        if found.any():
            some = self.texts.filter(pa.array(candidates))
            found[found] = _flags(pc.match_substring_regex(some, pattern))
        return found

    def lengths(self) -> np.ndarray:
        """Return the number of bytes of each cell."""
        lengths: np.ndarray = np.diff(text_bytes(self.texts)[0])
        return lengths

    def has_exponents(self) -> bool:
        """Return True if any cell contains ``e`` or ``E``; in most columns of numbers none does."""
        edges, body = text_bytes(self.texts)
        return bool(((body[edges[0] : edges[-1]] | 0x20) == ord("e")).any())

    def replaced(self, which: np.ndarray, texts: pa.Array) -> Column:
        """Return the column with other texts in the cells ``which``, which count as marked from now on."""
        marked = which if self.marked is None else which | self.marked
        return Column.of(pc.replace_with_mask(self.texts, pa.array(which), texts), marked)


@dataclass(frozen=True)
class Damaged:
    """The cells of a column that a spreadsheet has damaged: their rows, one code, and a message for each."""

    rows: np.ndarray
    code: str
    messages: pa.Array


def remove_marks(fields: Sequence[Field], columns: Sequence[pa.Array], origin: Origin) -> list[Column]:
    """Return columns without the marks of spreadsheets.

    Args:
        fields: the fields of the columns.
        columns: trimmed columns of equal length, null where blank.
        origin: the kind of file that they come from.
    """
    result = [Column.of(texts) for texts in columns]
    if origin is Origin.ITEMS:
        return result
    result = [_without_formulas(column) for column in result]
    begins = [column.among(column.beginning(_MAY_MARK), rf"^[{_APOSTROPHES}]") for column in result]
    if not any(flags.any() for flags in begins):
        return result
    whole = _rows_of_apostrophes(fields, result, begins)
    for at, (field, flags) in enumerate(zip(fields, begins, strict=True)):
        remove = _apostrophes_to_remove(field, result[at], flags, whole)
        if remove.any():
            some = pc.utf8_slice_codeunits(result[at].texts.filter(pa.array(remove)), 1)
            # `'00017'` is a text in quotes, of a program that quotes in this way.
            some = pc.replace_substring_regex(trimmed(some), f"[{_APOSTROPHES}]$", "")
            result[at] = result[at].replaced(remove, trimmed(some))
    return result


def _flags(matches: pa.Array) -> np.ndarray:
    flags: np.ndarray = pc.fill_null(matches, False).to_numpy(zero_copy_only=False)
    return flags


def _without_formulas(column: Column) -> Column:
    """Return the column with the text of each formula that is one text, in place of the formula."""
    formulas = column.among(column.beginning(_EQUALS), _FORMULA)
    if not formulas.any():
        return column
    some = pc.replace_substring_regex(column.texts.filter(pa.array(formulas)), _FORMULA, r"\1")
    return column.replaced(formulas, trimmed(pc.replace_substring(some, '""', '"')))


def _is_free_text(field: Field) -> bool:
    """Return True if a value of the field may begin with an apostrophe of its own."""
    return (field.kind is Kind.TEXT and field.name not in ID_FIELDS) or field.is_reference


def _rows_of_apostrophes(
    fields: Sequence[Field], columns: Sequence[Column], begins: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the rows in which every filled-in cell begins with an apostrophe and at least one is no free text."""
    count = len(columns[0].texts)
    every, shown = np.ones(count, dtype=bool), np.zeros(count, dtype=bool)
    for field, column, own in zip(fields, columns, begins, strict=True):
        every &= (column.first == 0) | own
        if not _is_free_text(field):
            shown |= own
    return every & shown


def _apostrophes_to_remove(field: Field, column: Column, begins: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return the cells whose first apostrophe is a mark.

    In an id, an email, a phone or a boolean it always is. In a free text it is a mark before a number or an address,
    and in a row in which every cell has one, but never before an article such as 't.
    """
    if not _is_free_text(field) or not begins.any():
        return begins
    remove = (begins & whole) | column.among(column.beginning(_MAY_MARK), _NO_NAME)
    return remove & ~column.among(column.beginning(_MAY_MARK), _ARTICLE)


def find_damaged(field: Field, column: Column, origin: Origin, code: str) -> list[Damaged]:
    """Return the cells of a column that hold an error, a placeholder or a damaged number.

    Args:
        field: the field of the column.
        column: the column without marks.
        origin: the kind of file that it comes from.
        code: the code of an invalid value of the field. Errors and shortened ids have codes of their own.
    """
    if origin is Origin.ITEMS:
        return []
    found = []
    errors = column.beginning(_MAY_BE_ERROR)
    if errors.any():
        some = column.texts.filter(pa.array(errors))
        listed = pc.is_in(pc.utf8_upper(some), _LISTED_ERRORS)
        errors[errors] = _flags(pc.or_(listed, pc.match_substring_regex(some, _TOO_NARROW)))
    numbered = column.beginning(_MAY_BE_NUMBERED_ERROR)
    if numbered.any():
        errors |= column.among(numbered & (column.lengths() <= _NUMBERED_BYTES), _NUMBERED)
    found.append(_damaged(column, errors, "spreadsheet_error", _ERROR, _CORRECT))
    is_id = field.name in ID_FIELDS
    if is_id or field.kind is Kind.PHONE:
        shortened = "shortened_number" if is_id else code
        if column.has_exponents():
            scientific = column.among(column.beginning(_MAY_BE_NUMBER), rf"^{_SCIENTIFIC}$")
            found.append(_damaged(column, scientific, shortened, _SHORTENED, _ASK_FOR_TEXT))
        if origin is Origin.TEXT:
            long = column.beginning(_MAY_BE_NUMBER) & (column.lengths() > _KEPT_DIGITS)
            rounded = column.among(long, rf"^{_ROUNDED}$")
            if column.marked is not None:
                rounded &= ~column.marked
            found.append(_damaged(column, rounded, shortened, _SHORTENED, _ROUNDED_ADVICE))
    if is_id or field.kind in (Kind.PHONE, Kind.EMAIL):
        placeholders = column.among(column.beginning(_MAY_BE_PLACEHOLDER), rf"^{_PLACEHOLDER}$")
        found.append(_damaged(column, placeholders, code, _NO_VALUE, "leave the cell blank"))
    return [one for one in found if len(one.rows)]


def _damaged(column: Column, which: np.ndarray, code: str, before: str, advice: str) -> Damaged:
    if not which.any():
        # Nearly all columns; the kernels of a message cost more than the search.
        return Damaged(_NO_ROWS, code, _NO_MESSAGES)
    rows = np.flatnonzero(which)
    return Damaged(rows, code, message(column.texts.take(pa.array(rows)), before, advice, ""))


def without_cells(texts: pa.Array, some: Sequence[Damaged]) -> pa.Array:
    """Return a column in which damaged cells are null."""
    if not some:
        return texts
    mask = np.zeros(len(texts), dtype=bool)
    for one in some:
        mask[one.rows] = True
    return pc.if_else(pa.array(mask), _NULL, texts)
