"""The header stays the header: damaged it is refused with its line, and no row is ever taken for it."""

from __future__ import annotations

import io

import pytest

from imports_pipeline.reading import ReadOptions, describe

ROWS = "Ann,Paris,likes tea\nBob,Rome,likes rain\nCid,Oslo,likes snow\n"


def seen(text: str, **options) -> list[dict]:
    return list(describe("x.csv", io.BytesIO(text.encode()), ReadOptions(**options)))


def table(text: str, **options) -> list[list[str]]:
    told = seen(text, **options)
    assert {one["kind"] for one in told} <= {"header", "row"}, told
    return [one["cells"] for one in told]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ('"name,address,notes', "no_header"),
        ('name",address,notes', "no_header"),
        ('na"me,address,notes', "no_header"),
        ('name,"address,notes', "no_header"),
        ('name,""address"",notes', "no_header"),
        ('name,address,notes"', "no_header"),
        ("name,'address,notes", "no_header"),
        ("name,,address,notes", "header_mismatch"),
        ("name,address,,notes", "header_mismatch"),
        (",name,address,notes", "header_mismatch"),
        ("nameaddress,notes", "header_mismatch"),
        ("name address notes", "header_mismatch"),
        ("name address,notes", "header_mismatch"),
        ("name;address;notes", "header_mismatch"),
        ('"name,address,notes"', "header_mismatch"),
    ],
)
@pytest.mark.parametrize("above", ["", "List of people\n\n"])
def test_a_damaged_header_is_refused_once_with_its_line(header: str, code: str, above: str) -> None:
    (refusal,) = seen(above + header + "\n" + ROWS)
    assert (refusal["kind"], refusal["code"]) == ("reject", code)
    line = 1 + above.count("\n")
    assert f"ine {line}" in refusal["message"]
    assert refusal["line"] == line


@pytest.mark.parametrize("header", ["name notes", "namenotes", 'name"notes', "name;notes", '"name,notes"'])
def test_a_header_of_two_names_without_its_delimiter(header: str) -> None:
    (refusal,) = seen(header + "\nAnn,tea\nBob,rain\n")
    assert (refusal["line"], refusal["code"] in ("no_header", "header_mismatch")) == (1, True)


@pytest.mark.parametrize(
    "header",
    ["Name Notizen", "NameNotizen", "Name~Notizen", '"Name" "Notizen"', "Name|Notizen", '"Name""Notizen"'],
)
@pytest.mark.parametrize("row", ["Müller;7", '"Müller";"7"', "Lee, Ann;likes tea"])
def test_a_damaged_header_in_another_language(header: str, row: str) -> None:
    """Found by pollution: the header was passed over, and the first row was taken for it."""
    (refusal,) = seen(f"{header}\n{row}\nBob;9\n")
    assert (refusal["line"], refusal["code"] in ("no_header", "header_mismatch")) == (1, True)


@pytest.mark.parametrize("title", ["Kontakte", "Liste der Mitglieder", "Adressen", "Kontakte, Stand: Mai"])
def test_a_title_in_another_language_is_no_header(title: str) -> None:
    assert table(f"{title}\n\nName;Telefon\nAnn;1\nBob;2\n")[0] == ["Name", "Telefon"]


@pytest.mark.parametrize("header", ["name;email;phone", "Nombre;Correo;Teléfono"])
def test_one_malformed_row_does_not_make_a_table_of_one_column(header: str) -> None:
    told = seen(header + '\nBob Ray"two\nlines";x\n')
    assert (told[0]["cells"], told[1]["kind"]) == (header.split(";"), "reject")


def test_a_quote_in_the_header_that_swallows_rows() -> None:
    (refusal,) = seen('name,"notes\nAnn,x\nBob,"\nCid,y\nDee,z\n')
    assert (refusal["line"], refusal["code"]) == (1, "no_header")
    assert table('name,"notes\n(tea, or coffee)"\nAnn,x\n')[0] == ["name", "notes\n(tea, or coffee)"]


@pytest.mark.parametrize(
    "above", ['Report "A", all people\n', "Emails and phones of 2026\n", "Names\n\n", '"x\n']
)
def test_titles_above_the_header_are_still_passed_over(above: str) -> None:
    assert table(above + "name,address,notes\n" + ROWS)[0] == ["name", "address", "notes"]


@pytest.mark.parametrize("mark", list(",;\t|^"))
@pytest.mark.parametrize(("header_ends", "row_ends"), [(1, 0), (0, 1), (1, 1), (0, 2), (2, 1), (2, 0)])
def test_surplus_delimiters_at_the_end(mark: str, header_ends: int, row_ends: int) -> None:
    text = "name,email,notes" + "," * header_ends + "\n"
    text += f'Ann,a@example.org,{"," * row_ends}\n"Lee, Bob",b@example.org,x{"," * row_ends}\n'
    text = text.replace(",", mark).replace("Lee" + mark, "Lee,")
    rows = table(text)
    if (header_ends, row_ends) == (0, 0):
        return
    assert rows == [
        ["name", "email", "notes"],
        ["Ann", "a@example.org", ""],
        ["Lee, Bob", "b@example.org", "x"],
    ]


def test_rows_with_and_without_the_surplus_delimiter() -> None:
    told = table('a,b,c,\n1,2,3,\n4,5,6\n"7","8","9",""\n7,8,"two\nlines"\n')
    assert told == [
        ["a", "b", "c"],
        ["1", "2", "3"],
        ["4", "5", "6"],
        ["7", "8", "9"],
        ["7", "8", "two\nlines"],
    ]


def test_text_behind_the_last_name_is_never_dropped() -> None:
    told = seen("a,b,c\n" + "1,2,3,\n" * 300 + "4,5,6,x\n7,8,9,\n1,2\n")
    assert [(one["line"], one["code"]) for one in told if one["kind"] == "reject"] == [
        (302, "too_many_cells"),
        (304, "too_few_cells"),
    ]
    assert len(told) == 304


@pytest.mark.parametrize(
    ("header", "row", "damaged"),
    [
        ("name,email,phone,", "x,y,z", "Ann,,a@example.org,"),
        ("name,email,phone", "x,y,z,", "Ann,a@example.org,"),
        ("name,email,phone", "x,y,z,", "Anna@example.org,1,"),
    ],
)
def test_a_row_that_may_have_lost_or_doubled_a_delimiter_is_rejected(
    header: str, row: str, damaged: str
) -> None:
    told = seen("\n".join([header, row, row, row, damaged]))
    assert [one["kind"] for one in told] == ["header", "row", "row", "row", "reject"]


def test_one_row_with_a_cell_too_many_is_no_fault_of_the_header() -> None:
    told = seen("a,b\n1,2,3\n")
    assert [one["kind"] for one in told] == ["header", "reject"]
    told = seen("a,b\n1,2,3\n1,2,3\n1,2\n")
    assert [one["kind"] for one in told] == ["header", "reject", "reject", "row"]


def test_a_line_of_settings_above_a_header_in_which_names_stand_twice() -> None:
    names = "Konto;Name;Vorname;E-Mail;Straße;Ort;Leerfeld;Leerfeld;Telefon;Land"
    rows = "1;Lee;Ann;ann@example.org;;;;;;\n2;Day;Bob;bob@example.org;;;;;;\n"
    header, *found = seen(f"EXTF;700;16;20261129;4\n{names}\n{rows}")
    assert (header["kind"], header["line"]) == ("header", 2)
    assert header["cells"] == names.split(";")
    assert [one["cells"][3] for one in found] == ["ann@example.org", "bob@example.org"]
