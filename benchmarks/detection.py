"""Comparison of ways to detect a file's dialect, on generated files whose dialects are known.

    python benchmarks/detection.py            # the table of docs/explanation/detection.md
    python benchmarks/detection.py --wrong    # every wrong answer of each way

Every shape is made several times over with different words (fixed seeds). Right means: the delimiter; the
quote where the file has quoted cells; and, in the last column, the header's physical line too.
"""

from __future__ import annotations

import csv
import io
import random
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import clevercsv
import duckdb

from imports_pipeline.reading import NotATable, open_table

SEEDS = range(6)
FIRST = "Anna Bob Carla Dmitri Eve Françoise Günther Hana Iris João Kofi Łukasz Mia Noor Olaf Zoë".split()  # noqa: SIM905
LAST = "Smith O'Brien Müller García D'Angelo Nowak Kim Nguyễn van-Dijk Jones Ivanova Silva Sato".split()  # noqa: SIM905
CITY = [
    "Paris",
    "Köln",
    "New York",
    "São Paulo",
    "Zürich",
    "Winston-Salem",
    "Stratford upon Avon",
    "L'Aquila",
]
NOTE = [
    "called twice", "prefers email", "see contract; renew", "VIP", "ok", "a, b, and c", "5' tall", "n/a", "",
    'said "yes"', "N/A | unknown", "it's fine, really", "call back on Monday, not Tuesday",
]  # fmt: skip


class Case(NamedTuple):
    shape: str
    text: str
    delimiter: str
    quote: str | None
    line: int


Answer = tuple[str, str, int]


class Maker:
    """A generator of values for contact lists and other tables."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def contact(self, width: int) -> list[str]:
        pick = self.random.choice
        first, last = pick(FIRST), pick(LAST)
        row = [
            f"{first} {last}",
            f"{first}.{last}@example.com".lower().replace("'", ""),
            f"+1 415 555 {self.random.randrange(10_000):04}",
            pick(CITY),
            pick(NOTE),
            f"{self.random.randrange(1, 28):02}/{self.random.randrange(1, 13):02}/2024",
            str(self.random.randrange(1000)),
            pick(["yes", "no"]),
            f"{pick(CITY)}, {pick(CITY)}",
            f"EXT-{self.random.randrange(99_999)}",
        ]
        return row[:width]

    def contacts(self, rows: int, width: int) -> list[list[str]]:
        names = [
            "Name",
            "Email",
            "Phone",
            "City",
            "Notes",
            "Birthday",
            "Points",
            "Member",
            "Groups",
            "External ID",
        ]
        return [names[:width], *(self.contact(width) for _ in range(rows))]

    def decimals(self, rows: int) -> list[list[str]]:
        def number() -> str:
            return f"{self.random.randrange(10_000)},{self.random.randrange(100):02}"

        return [["Artikel", "Preis", "Menge", "Summe"]] + [
            [self.random.choice(CITY), number(), number(), number()] for _ in range(rows)
        ]


def write(rows: list[list[str]], delimiter: str, quote: str = '"', end: str = "\r\n", **how: object) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quotechar=quote, lineterminator=end, **how).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


def cases() -> Iterator[Case]:
    for seed in SEEDS:
        make = Maker(seed)
        for mark in ",;\t|^":
            name = {"\t": "tab"}.get(mark, mark)
            for rows, width in ((1, 4), (3, 5), (40, 10), (200, 7)):
                table = make.contacts(rows, width)
                yield Case(f"{name} {rows} rows", write(table, mark, end="\n"), mark, None, 1)
            table = make.contacts(12, 6)
            yield Case(f"{name} all quoted", write(table, mark, quoting=csv.QUOTE_ALL), mark, '"', 1)
            for row in table[1:]:
                row[4] = f"first line{mark} of two\nand {make.random.choice(NOTE)}"
            yield Case(f"{name} multi-line cells", write(table, mark), mark, '"', 1)
            text = write(make.contacts(25, 4), mark, quote="'", quoting=csv.QUOTE_ALL)
            yield Case(f"{name} apostrophe as quote", text, mark, "'", 1)
            text = write(
                make.contacts(20, 6), mark, escapechar="\\", doublequote=False, quoting=csv.QUOTE_ALL
            )
            yield Case(f"{name} backslash escapes", text, mark, '"', 1)
            table = make.contacts(30, 8)
            for row in table[3::4]:
                row.pop() if make.random.random() < 0.5 else row.append("extra")
            yield Case(f"{name} ragged", write(table, mark), mark, None, 1)
            body = write(make.contacts(15, 6), mark, end="\n")
            yield Case(f"{name} title above", "Contacts of the northern region\n\n" + body, mark, None, 3)
            above = f"Export{mark * 5}\nMade on 2024-01-31{mark * 5}\n{mark * 5}\n"
            yield Case(f"{name} padded title above", above + body, mark, None, 4)
            yield Case(f"{name} sep= line", f"sep={mark}\n" + body, mark, None, 2)
            yield Case(f"{name} header only", write(make.contacts(0, 5), mark), mark, None, 1)
            yield Case(f"{name} two columns", write(make.contacts(20, 2), mark), mark, None, 1)
            table = [
                [cell if make.random.random() < 0.4 else "" for cell in row] for row in make.contacts(25, 8)
            ]
            table[0] = make.contacts(0, 8)[0]
            yield Case(f"{name} mostly blank", write(table, mark), mark, None, 1)
            lists = make.contacts(20, 5)
            other = ";" if mark != ";" else ","
            for row in lists[1:]:
                row[4] = f"Customers{other}VIP{other}{make.random.choice(CITY)}"
            yield Case(f"{name} lists in cells", write(lists, mark), mark, None, 1)
        yield Case("decimal commas, ;", write(make.decimals(30), ";"), ";", None, 1)
        yield Case("decimal commas, ; 2 rows", write(make.decimals(2), ";"), ";", None, 1)
        yield Case("decimal commas, tab", write(make.decimals(30), "\t"), "\t", None, 1)
        mails = [[make.contact(2)[1]] for _ in range(20)]
        yield Case("one column of mails", write([["email"], *mails], ","), "", None, 1)
        names = "\n".join(
            ["name", *(f"{make.random.choice(LAST)}, {make.random.choice(FIRST)}" for _ in range(9))]
        )
        yield Case("one column, comma in each", names + "\n", "", None, 1)
        words = [
            [f"{make.random.choice(CITY)} {make.random.choice(['', 'a; b', 'x, y'])}"] for _ in range(20)
        ]
        yield Case("one column of words", "city\n" + "".join(row[0] + "\n" for row in words), "", None, 1)


def hard_cases() -> Iterator[Case]:
    """Return ambiguous files; they were written before any way was tried on them."""
    for seed in SEEDS:
        make = Maker(seed + 100)
        pick = make.random.choice
        for mark in ",;\t|":
            name = {"\t": "tab"}.get(mark, mark)
            body = write(make.contacts(15, 6), mark, end="\n")
            above = f"Source{mark}CRM\nOwner{mark}{pick(LAST)}\nDate{mark}2024-01-31\n\n"
            yield Case(f"hard: {name} key-value lines above", above + body, mark, None, 5)
            yield Case(
                f"hard: {name} comments above",
                "# made by a script, v1; do not edit\n# 2\n" + body,
                mark,
                None,
                3,
            )
            table = make.contacts(20, 4)
            table[0] = table[0][:3]
            yield Case(f"hard: {name} header one short", write(table, mark), mark, None, 1)
            table = [[f"{n}", pick(["10.5", "3"]), pick(["7", "8,5"])] for n in range(20)]
            yield Case(
                f"hard: {name} numbers, no words", write([["id", "x", "y"], *table], mark), mark, None, 1
            )
            years = [["name", "2022", "2023", "2024"], *([pick(CITY), "1", "2", "3"] for _ in range(9))]
            yield Case(f"hard: {name} years as header", write(years, mark), mark, None, 1)
            table = make.contacts(15, 5)
            table[0] = ["", *table[0][1:]]
            yield Case(f"hard: {name} first name blank", write(table, mark), mark, None, 1)
            table = make.contacts(8, 3)
            for row in table[1:]:
                row[1] = '{"a": 1, "b": [2, 3]}' if mark != "," else '{"a": 1; "b"| 2}'
            yield Case(f"hard: {name} JSON in cells", write(table, mark), mark, '"', 1)
            table = make.contacts(12, 4)
            for row in table[1:]:
                row[3] = f"12:30:{make.random.randrange(60):02} | {pick(CITY)}; {pick(LAST)}, {pick(FIRST)}"
            yield Case(
                f"hard: {name} every mark in a cell", write(table, mark, quoting=csv.QUOTE_ALL), mark, '"', 1
            )
            naive = "\n".join(mark.join(["'tis " + pick(CITY), "x'", pick(LAST)]) for _ in range(12))
            yield Case(
                f"hard: {name} stray apostrophes", mark.join("abc") + "\n" + naive + "\n", mark, '"', 1
            )
            spaced = "\n".join((mark + " ").join(row) for row in [["a", "b", "c"], *[["1", "2", "3"]] * 6])
            yield Case(f"hard: {name} space after each", spaced + "\n", mark, None, 1)
            yield Case(f"hard: {name} footer", body + "\nTotal: 15 contacts, all of them\n", mark, None, 1)


def ours(path: Path, _: str) -> Answer:
    with path.open("rb") as source:
        table = open_table(source)
    delimiter = table.detected.delimiter if len(table.header) > 1 else ""
    return delimiter, table.detected.quote, table.header_line


def cleverly(_: Path, text: str) -> Answer:
    dialect = clevercsv.Detector().detect(text, delimiters=list(",;\t|^"))
    if dialect is None:
        return "", '"', 0
    return dialect.delimiter or "", dialect.quotechar or '"', 0


def by_duckdb(path: Path) -> Answer:
    (row,) = duckdb.sql(f"SELECT Delimiter, Quote, SkipRows FROM sniff_csv('{path}')").fetchall()
    quote = '"' if row[1] in ("", "(empty)", "\0") else row[1]
    return row[0] or "", quote, int(row[2]) + 1


def by_duckdb_or_one(path: Path, text: str) -> Answer:
    """Return DuckDB's answer. It reports a delimiter for a single column too, which then does not occur."""
    delimiter, quote, line = by_duckdb(path)
    return delimiter if delimiter in text else "", quote, line


def by_the_library(_: Path, text: str) -> Answer:
    try:
        dialect = csv.Sniffer().sniff(text[:65_536], delimiters=",;\t|^")
    except csv.Error:
        # It finds no delimiter, which is the right answer for a file with one column.
        return "", '"', 0
    return dialect.delimiter, dialect.quotechar or '"', 0


WAYS: dict[str, Callable[[Path, str], Answer]] = {
    "ours": ours,
    "CleverCSV": cleverly,
    "DuckDB sniff_csv": by_duckdb_or_one,
    "csv.Sniffer": by_the_library,
}


def main() -> None:
    warnings.simplefilter("ignore")
    compare("Usual shapes", list(cases()))
    compare("Hard shapes", list(hard_cases()))


def compare(title: str, made: list[Case]) -> None:
    right: dict[str, Counter[str]] = {way: Counter() for way in WAYS}
    times: dict[str, list[float]] = defaultdict(list)
    wrong: dict[str, Counter[str]] = {way: Counter() for way in WAYS}
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.csv"
        for case in made:
            count += 1
            path.write_text(case.text, newline="", encoding="utf-8")
            for way, ask in WAYS.items():
                begun = time.perf_counter()
                try:
                    answer: Answer = ask(path, case.text)
                except (ValueError, AssertionError, csv.Error, duckdb.Error, NotATable) as error:
                    answer = ("?", "?", 0)
                    if way == "ours" and "--wrong" in sys.argv:
                        print(case.shape, repr(error))
                times[way].append(time.perf_counter() - begun)
                delimiter = answer[0] == case.delimiter
                quote = delimiter and case.quote in (None, answer[1])
                header = quote and answer[2] == case.line
                right[way].update(delimiter=delimiter, quote=quote, header=header)
                if not (header if answer[2] else quote):
                    wrong[way][f"{case.shape} {answer}"] += 1
    print(f"\n{title}: {count} files\n")
    print("| way | delimiter | and quote | and header line | median | slowest |")
    print("|---|---|---|---|---|---|")
    for way, score in right.items():
        spent = sorted(times[way])
        shares = [f"{score[name] / count:.1%}" for name in ("delimiter", "quote", "header")]
        if way in ("CleverCSV", "csv.Sniffer"):
            shares[2] = "does not say"
        print(
            f"| {way} | {' | '.join(shares)} | {spent[count // 2] * 1000:.1f} ms | {spent[-1] * 1000:.0f} ms |"
        )
    if "--wrong" in sys.argv:
        for way, shapes in wrong.items():
            print(f"\n{way}: " + "; ".join(f"{shape} ×{times}" for shape, times in shapes.most_common(60)))


if __name__ == "__main__":
    main()
