"""The pages about known files and languages, made from the data of both.

Write them anew with ``python -m imports_pipeline_tests.known_files_page``; a test compares them with the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from imports_pipeline.schemas.column_mapping.known_files.known_file import KnownFile
from imports_pipeline.schemas.column_mapping.known_files.recognition import known_files
from imports_pipeline_tests.known_files.by_rules import measured

_DOCS: Final = Path(__file__).parents[1] / "docs"
REFERENCE: Final = _DOCS / "reference/known-files.md"
HOW_TO: Final = _DOCS / "how-to/import-an-export.md"
_REFERENCE_HEAD: Final = """\
# Known files

This page is for people who import what another product exported. It says which exports are known, by which headers a
file is taken for one of them, what then arrives where, and where each of these statements comes from. The data is in
`schemas/column_mapping/known_files/`, one small file a product; `imports-pipeline known-files NAME` shows one.

## How a file is recognised

A file of contacts is a known file if its header has all headers of one of the signatures below. Order, case, spaces,
dashes and further columns do not matter, nor does the number of rows. If several known files match, the one with the
largest signature counts; if these are equally large, the file is none of them. Every signature has headers that the
[documented CSV](columns-and-values.md) does not have, so a file in the documented CSV is never a known file.

A file that matches none of them is taken for an export of another product (`other-export`) if it has six columns or
more, at least four of which have not the name of a field, and the rules know the words of one of these. It is not
taken for one if a header is written as only the documented CSV writes it, such as `groups` or `metadata.team`. The
notice `other_export` says so.

`detected.known_file` says what a file was taken for. The option `known_file` decides otherwise: `none` leaves every
file to the general rules, and a name such as `google-contacts` takes the file for that product's, whatever its
header is.

## What it changes

* Columns that the product names in its own way are read as the table says. Every other column is understood by the
  general rules, as in any file; `column_mapping` comes before both.
* Labels, tags and lists become groups that the contact is added to (`groups.add`). The product's own markers, such as
  `* myContacts`, are left out.
* A row that only continues the one above, as Odoo writes further tags of a record, is added to that row, and its line
  is in `detected.passed_over`.
* Three options have another default, unless the caller gives them: `bad_cells: leave_out`, `missing_groups: create` and
  `missing_name: email`. For `other-export` this is the only change.

## Known files

"No source" names what no public source says; there the file is read as we believe it to be, or not at all. Where in a
product an export is made is written from memory, and may have moved.

| known file | recognised by one of these | columns that it names | several values in a cell; left out | sources |
|---|---|---|---|---|
"""
_BY_RULES: Final = """
## How much arrives by the rules alone

The table shows how well products are understood that nobody described: each sample is read without its known file.
All is what arrives with the known file, which `imports_pipeline_tests/known_files/test_samples.py` holds: one point
for each record, name, email, phone, group, external id, piece of an address, and notes. The second column is what an
import without an option reads, in which such a file is `other-export`. The third is with `known_file: none`: a row
that has an invalid phone, an unknown group or no name is then rejected as in any file, and tags are no groups, so it
loses all of its points.

Measured by `imports_pipeline_tests/known_files/by_rules.py`, without a database, on files of two to four records that
have such rows on purpose. `thunderbird-fr` has equal headers, `slack` and `get-aduser` have two columns of full
names; without the known file they are refused with the mapping that settles it.

| sample | as another export | with `known_file: none` |
|---|---|---|
"""
_REST: Final = """
## Left to the general rules

| product | why |
|---|---|
| Apple Contacts | it exports vCard only; what converters write is `google-csv`, or left to the rules |
| ActiveCampaign | no public source shows the header of its export |
| Intercom | no public source shows the header of its export |

## Known files of your own

Set `IMPORTS_KNOWN_FILES` to a folder of YAML files. Each describes one export, and its file name is the name that the
option `known_file` takes. A file with the name of one above replaces it. For example `our-crm.yaml`:

```yaml
product: Our CRM
signature:
  - [Cust No, Cust Name, Cust Tags]
columns:
  Cust No: external_id
  Cust Name: name
  Cust Tags: groups.add
  Line N: phone#N
separators:
  groups.add: ["|"]
dropped:
  groups.add: ["internal .*"]
defaults:
  missing_groups: create
```

| key | holds |
|---|---|
| `product`, `export` | the product's name, and how the file is made there; `export` is optional |
| `signature` | sets of headers, two at least in each; a file with all headers of one set is recognised |
| `columns` | header → the name of a field, or a meaning. `N` is any number, `Town (2)` the second column named `Town` |
| `templates` | field → headers in braces with texts between, `"{First} {Last}"`; used if the file has all of them |
| `separators` | header, `email`, `phone` or a list field → the texts between several values of one cell |
| `dropped` | header or list field → regular expressions; an item that one of them matches in full is left out |
| `continued_rows` | `true` if a row with text in columns of lists alone continues the row above |
| `defaults` | `bad_cells`, `missing_groups`, `missing_name` |
| `sources`, `unsourced` | where the statements come from (`what`, `where`, `date`), and what no source says |

A meaning is written `KIND.SLOT.PART#NUMBER`, each of the last three optional: `email`, `phone.mobile`,
`address.home.city`, `email.label#N`, `name.first`, `company`, `ignored`. Kinds are `email`, `phone`, `address`,
`name`, `company`, `group`, `notes`, `country`, `id` and `ignored`; slots are `main`, `work`, `home`, `mobile`,
`education`, `social`, `other`, `billing`, `shipping`, `secondary` and `additional` (the next free one). A fault in a
file fails imports with `invalid_known_file`, and `imports-pipeline known-files` names it.

## Languages

Headers are understood in these languages, whatever the product. The words are in
`schemas/column_mapping/languages/`, one file a language.

| language | sources |
|---|---|
"""
_HOW_TO_HEAD: Final = """\
# Import an export of another product

This page is for people who bring contacts from an address book or a CRM. Export them there as the table says, and
import the file as it is:

```console
$ imports-pipeline check contacts.csv --resource contact
$ imports-pipeline run contacts.csv --resource contact --action merge
```

`check` writes nothing. Its line `known_file` says which product the file was recognised as; if it is not yours, give
`--known-file NAME`, or `--known-file none`. It also shows which field each column is and which columns are ignored.

* Phone numbers without a country code need `--default-region`, such as `--default-region US`, unless the row says its
  country.
* Labels, tags and lists become groups, and groups that do not exist are created. `--missing-groups reject` rejects such
  rows in place of that.
* A value that is not valid, such as a phone number with a digit missing, is left out and listed in the errors file; the
  rest of its row is imported. `--bad-cells reject` rejects the row.
* A contact without a name takes its email as name; `--missing-name reject` rejects it.
* The product's id of a contact is its `external_id`, so the same export can be imported again and updates what it made.
  Where there is no such id, contacts are matched by email.

| product | export it by | `known_file` | ids | groups |
|---|---|---|---|---|
"""
_HOW_TO_REST: Final = """
Where no column of ids is named, a column such as `Contact ID` is the `external_id` if its cells are ids and the file
has no `external_id` of its own.

## Say once what the columns are

A file whose headers nobody could guess is mapped by `--column-mapping`. Save the mapping under a name, and every way in
can use it:

```console
$ imports-pipeline mappings save cards may.csv --resource contact \\
      --column-mapping external_id='Card no.' --column-mapping name='{Given} {Family}'
$ imports-pipeline run june.csv --resource contact --action merge --saved-mapping cards
```

A [sync](scheduled-syncs.md) and the YAML file beside a [dropped file](dropped-files.md) say `saved_mapping: cards`, and
so does a request to the HTTP API. The mapping belongs to the organization. It is stored with the header of its file:
the order and case of the columns do not matter, but a file that lacks a column or has a new one is refused with the
names of these columns (`saved_mapping_differs`), because the same headers might mean something else in it.
`imports-pipeline mappings show cards` prints the command that saves the mapping again for the new header. A
`column_mapping` that is given with `saved_mapping` replaces it field by field.

`saved_mapping: "*"` takes the newest mapping that was saved for the header of the file and its resource, and none if
there is no such one; the import then shows its name. [The pages](pages.md#say-what-the-columns-are) send every file in
this way.

To change records that are stored, [export them as a workbook](edit-in-a-spreadsheet.md).

## Rows that mean a deletion

In some files a column says that a row is deleted, such as `status` with `deleted` in the files of Canvas or
`tobedeleted` in those of OneRoster. Such a column is not read, so these rows would be imported like the others; the
notice `deleted_rows` says so. Take them out of the file first. An `overwrite` then removes their records, because the
file does not name them.

## Other products

A file that looks like an export of a product that is not listed is `other-export`. It is read with the same three
defaults, and a notice says so. Such products are understood by their headers, in [many
languages](../reference/known-files.md#languages). The [reference](../reference/known-files.md) has the details of
each known file, and how to describe one of your own.
"""


def reference() -> str:
    """Return the text of the page about known files."""
    rows = "\n".join(_row(one) for one in known_files().values() if one.headers)
    return f"{_REFERENCE_HEAD}{rows}\n{_BY_RULES}{_measured()}\n{_REST}" + "\n".join(_languages()) + "\n"


def how_to() -> str:
    """Return the text of the page with one line a product."""
    rows = sorted((one.product.casefold(), _line(one)) for one in known_files().values() if one.headers)
    return _HOW_TO_HEAD + "\n".join(line for _, line in rows) + "\n" + _HOW_TO_REST


def _measured() -> str:
    """Return the rows of the table of what the rules alone read, and their sum."""
    found = measured()
    rows = [(f"`{name}`", *counts) for name, counts in found.items()]
    rows.append(("all samples", *(sum(counts[at] for counts in found.values()) for at in range(3))))
    return "\n".join(
        f"| {name} | {100 * as_other // of} % | {100 * alone // of} % |" for name, alone, as_other, of in rows
    )


def _row(one: KnownFile) -> str:
    signatures = _lines(", ".join(_code(header) for header in headers) for headers in one.headers)
    columns = _lines(
        [
            *(f"{_code(header)} → {_code(says)}" for header, says in one.preset.columns.items()),
            *(f"{_code(text)} → {_code(field)}" for field, text in one.preset.templates.items()),
        ]
    )
    cells = _lines(
        [
            *(f"{_code(of)}: separated by {_codes(texts)}" for of, texts in one.preset.separators.items()),
            *(f"{_code(of)}: without {_codes(patterns)}" for of, patterns in one.preset.dropped.items()),
        ]
    )
    sources = _lines(
        [
            *(f"{source.what}: {source.where} ({source.date})" for source in one.sources),
            *(f"**No source:** {text}" for text in one.unsourced),
        ]
    )
    name = f"`{one.name}`<br>{one.product}: {one.export}"
    return f"| {name} | {signatures} | {columns or '–'} | {cells or '–'} | {sources} |"


def _line(one: KnownFile) -> str:
    columns = one.preset.columns
    ids = [header for header, says in columns.items() if says == "external_id"]
    groups = [header for header, says in columns.items() if says == "groups.add"]
    return f"| {one.product} | {one.export} | `{one.name}` | {_codes(ids) or '–'} | {_codes(groups) or '–'} |"


def _languages() -> Iterator[str]:
    folder = files("imports_pipeline.schemas.column_mapping") / "languages"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        language: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        sources = [
            f"{one['what']}: {one['where']}" + (f" ({one['date']})" if "date" in one else "")
            for one in language.get("sources", ())
        ]
        yield f"| {language['language']} | {_lines(sources) or 'the documented names, and the products above'} |"


def _lines(texts: Any) -> str:
    return "<br>".join(texts)


def _codes(texts: Any) -> str:
    return ", ".join(_code(text) for text in texts)


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
    HOW_TO.write_text(how_to(), encoding="utf-8")
