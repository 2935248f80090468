"""The same file in any order of columns, any case, with blank columns and without some rows gives the same records."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imports_pipeline_tests.schemas.column_mapping.reading_files import records_of

FILES: Final = {
    "numbered": (
        "Name,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value\n"
        "Ann,Work,a@example.org,Home,b@example.org,Mobile,+12015550123\n"
        "Bob,,c@example.org,,,,\n"
        "Cid,Home,,* Work,d@example.org,Work,+12015550148\n"
    ),
    "parts": (
        "First Name,Last Name,Business Street,Business City,Home Street,Home City,Home Country,Home Phone,Email\n"
        "Ann,Lee,9 Mill Lane,Newark,14 Quay Street,Hoboken,US,(201) 555-0123,a@example.org\n"
        "Bob,Ray,,,,,GB,07400 123456,b@example.org\n"
        ",,,,1 Way,,,,\n"
    ),
    "slots": (
        "Person - Name,Person - Email - Work,Person - Email - Home,Person - Phone - Mobile,Person - Phone - Other\n"
        'Ann,"a@example.org, b@example.org",c@example.org,+12015550123,+12015550148\n'
        "Bob,,d@example.org,,+12015550199\n"
    ),
    "ids": (
        "Record ID,Display Name,Street Address,City,Zip,Mobile,Phone\n"
        "17,Ann Lee,14 Quay Street,Hoboken,07030,+12015550123,+12015550148\n"
        "18,Bob Ray,,,,,+12015550199\n"
    ),
    "shop": (
        "Customer ID,First Name,Last Name,Email,Address1,City,Province,Province Code,Country,Country Code,Zip,"
        "Billing Street,Billing City,Shipping Street,Shipping City,Billing Phone,Note\n"
        "17,Ann,Lee,a@example.org,14 Quay Street,Hoboken,New Jersey,NJ,United States,US,07030,"
        "9 Mill Lane,Newark,1 Way,Troy,+12015550123,x\n"
        "18,Bob,Ray,b@example.org,,,,,,,,2 Way,Troy,,,,\n"
    ),
    "german": (
        "Mitglieds-Nr.;Name;Vorname;Straße;Hausnr.;PLZ;Ort;Land;Tel. privat;Mobil;E-Mail 1;E-Mail 2;Bemerkung\n"
        "M-7;Brandt;Lena;Lindenweg;4;10115;Berlin;Deutschland;030 901820;0171 3920012;l@example.org;m@example.org;x\n"
        "M-8;Süß;Eva;Am Ring 2;;50667;Köln;Deutschland;;;e@example.org;;\n"
    ).replace(";", ","),
    "spanish": (
        "Nombre,Primer apellido,Segundo apellido,Móvil,Correo electrónico,Calle,Número,Población,C.P.,Provincia\n"
        "Inés,Vega,Luna,+34 612 345 678,i@example.org,Calle Mayor,4,Madrid,28013,Madrid\n"
        "Ana,Ruiz,,,a@example.org,,,,,\n"
    ),
    "japanese": (
        "社員番号,姓,名,メールアドレス,携帯電話,郵便番号,都道府県,市区町村,番地\n"
        "E-7,新井,由紀,y@example.org,+81 90-1234-5678,100-0001,東京都,千代田区,1-1\n"
        "E-8,佐藤,花,h@example.org,,,,,\n"
    ),
    "towns": (
        "Nome,Cognome,Indirizzo casa,Città,CAP,Cellulare,Telefono ufficio\n"
        "Anna,Riva,Via Roma 4,Milano,20121,+39 312 345 6789,+39 02 1234567\n"
        "Bruno,Neri,,,,+39 312 345 6790,\n"
    ),
    "doubles": (
        "Kundennummer,Identifier,Name,Recovery Email,Secondary Email,Description,Remark,Evening phone,Direct phone\n"
        "K-7,X-9,Ann Lee,r@example.org,s@example.org,first,second,+12015550123,+12015550148\n"
        "K-8,X-8,Bob Ray,,t@example.org,,third,,\n"
    ),
    "documented": (
        "name,email,phone,alternate_emails.work,alternate_phones.home,groups.add,notes,metadata.Job\n"
        'Ann,a@example.org,+12015550123,w@example.org,+12015550148,"Board, Staff",x,y\n'
        "Bob,b@example.org,,,,,,\n"
    ),
}
CASES: Final[tuple[Callable[[str], str], ...]] = (str, str.upper, str.lower, str.title)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_records_do_not_depend_on_the_order(name: str, data: st.DataObject) -> None:
    header, *rows = list(csv.reader(io.StringIO(FILES[name])))
    order = data.draw(st.permutations(range(len(header))))
    case = data.draw(st.sampled_from(CASES)) if name != "documented" else str
    kept = data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=1, unique=True).map(sorted))
    blanks = data.draw(st.integers(0, 2))
    changed = io.StringIO()
    writer = csv.writer(changed, lineterminator="\n")
    writer.writerow([*(case(header[at]) for at in order), *(f"Blank {number} x" for number in range(blanks))])
    writer.writerows([[*(rows[at][column] for column in order), *[""] * blanks] for at in kept])
    whole = records_of(FILES[name])
    assert records_of(changed.getvalue()) == [whole[at] for at in kept]
