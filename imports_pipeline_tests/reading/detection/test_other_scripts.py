"""Files in scripts that are read only if their encoding is named: the message shows the right reading among few."""

from __future__ import annotations

import io

import pytest

from imports_pipeline.reading import NotATable, ReadOptions, open_table

NAMES = {
    "windows-1251": ["Иван Петров", "Мария Соколова", "Ольга"],
    "koi8-r": ["Иван Петров", "Мария Соколова", "Ольга"],
    "cp866": ["Иван Петров", "Мария Соколова", "Ольга"],
    "windows-1253": ["Γιώργος Παπαδόπουλος", "Ελένη", "Νίκος Αντωνίου"],
    "windows-1255": ["משה כהן", "שרה לוי", "דוד"],
    "windows-1256": ["محمد علي", "فاطمة", "أحمد"],
    "cp874": ["สมชาย ใจดี", "สมหญิง", "วิชัย"],
    "cp932": ["山田太郎", "鈴木花子", "佐藤さくら", "ヤマダ"],
    "euc-jp": ["山田太郎", "鈴木花子", "佐藤さくら", "ヤマダ"],
    "gb18030": ["王伟", "李娜", "张敏", "欧阳修"],
    "big5": ["王偉", "李娜", "張敏", "歐陽修"],
    "cp949": ["김철수", "이영희", "박지성"],
}


@pytest.mark.parametrize("encoding", NAMES)
def test_the_right_reading_is_shown_and_gives_the_names(encoding: str) -> None:
    names = NAMES[encoding]
    text = "name,email\n" + "".join(f"{name},p{number}@example.org\n" for number, name in enumerate(names))
    data = text.encode(encoding)
    with pytest.raises(NotATable) as refusal:
        open_table(io.BytesIO(data))
    assert refusal.value.code == "undecodable_file"
    message = str(refusal.value)
    assert f"‘{max(names, key=len)}’ in {encoding}" in message
    assert message.count("’ in ") <= 6
    table = open_table(io.BytesIO(data), ReadOptions(encoding=encoding))
    assert [row["c0"] for batch in table.batches() for row in batch.cells.to_pylist()] == names


@pytest.mark.parametrize("encoding", ["cp932", "euc-jp", "utf-8"])
def test_known_headers_show_the_encoding(encoding: str) -> None:
    text = "姓,名,郵便番号,電子メール アドレス\n山田,花子,155-0031,hanako@example.org\n"
    table = open_table(io.BytesIO(text.encode(encoding)))
    assert table.detected.encoding == encoding
    assert [row["c1"] for batch in table.batches() for row in batch.cells.to_pylist()] == ["花子"]


def test_two_known_headers_are_too_few() -> None:
    data = "姓,名,email\n山田,花子,hanako@example.org\n".encode("cp932")
    with pytest.raises(NotATable) as refusal:
        open_table(io.BytesIO(data))
    assert refusal.value.code == "undecodable_file"


def test_bytes_without_a_reading_are_refused_without_one() -> None:
    data = b"name,email\n" + bytes(range(0x80, 0x100)) + b",a@example.org\n"
    with pytest.raises(NotATable, match=r"give its name as the option encoding\.$"):
        open_table(io.BytesIO(data))
