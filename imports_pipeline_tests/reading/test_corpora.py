"""Public collections of awkward files, fetched by package name at test time and never copied here.

csv-spectrum and Papa Parse from npm, the examples in csvkit's source package from PyPI, and the cases of the
interpreter's own ``test_csv``. Skipped, with a clear line, when a registry is out of reach. The rule is one:
a record comes out as its author's cells, or it is reported.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import unittest
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from imports_pipeline.reading import ReadOptions, describe
from imports_pipeline.reading.csv.dialect import Dialect
from imports_pipeline.reading.options import NotATable
from imports_pipeline_tests.reading.csv.both_parsers import by_scan

CACHE = Path(
    os.environ.get("IMPORTS_PIPELINE_TEST_CACHE", Path(tempfile.gettempdir()) / "imports-pipeline-corpora")
)
NPM = ["npm", "pack", "--silent", "--prefer-offline"]
PIP = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]


def fetched(package: str, command: list[str]) -> Path:
    """Fetch and unpack ``package`` (name and version, so that the cases do not change), once."""
    folder = CACHE / re.sub(r"\W+", "-", package)
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        # Other processes of the tests may fetch it too. What is here is whole.
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            try:
                subprocess.run([*command, package], cwd=name, check=True, capture_output=True, timeout=60)
            except (OSError, subprocess.SubprocessError) as error:
                pytest.skip(f"{package} could not be fetched by {command[0]}: {error}")
            (packed,) = Path(name).glob("*.t*gz")
            unpacked = Path(name) / "unpacked"
            with tarfile.open(packed) as archive:
                archive.extractall(unpacked, filter="data")
            with suppress(OSError):
                unpacked.rename(folder)
        assert folder.is_dir(), "another process has put it there, if this one could not"
    return folder


def told(path: Path, **options: Any) -> list[dict[str, Any]]:
    with path.open("rb") as source:
        return list(describe(path, source, ReadOptions(**options)))


def kinds(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [thing for thing in objects if thing["kind"] == kind]


def test_csv_spectrum() -> None:
    folder = fetched("csv-spectrum@2.0.0", NPM) / "package"
    names = sorted(path.stem for path in (folder / "csvs").glob("*.csv"))
    assert len(names) >= 12
    for name in names:
        if name == "location_coordinates":
            # Its JSON has another phone number than its CSV; what matters is that its quotes are read.
            continue
        objects = told(folder / "csvs" / f"{name}.csv")
        expected = json.loads((folder / "json" / f"{name}.json").read_text())
        header = objects[0]["cells"]
        assert kinds(objects, "reject") == [], name
        assert [dict(zip(header, row["cells"], strict=True)) for row in kinds(objects, "row")] == expected, (
            name
        )
    (row,) = kinds(told(folder / "csvs" / "location_coordinates.csv"), "row")
    assert row["cells"][1].count('"') == 2


def test_csvkit_examples_are_read_as_the_standard_library_reads_them() -> None:
    folder = fetched("csvkit==2.2.0", PIP) / "csvkit-2.2.0" / "examples"
    compared = 0
    for path in sorted(folder.rglob("*.csv")):
        objects = told(path)
        head = objects[0]
        if head["kind"] == "reject":
            # A lone "©" in Windows-1252 is "Š" in ISO 8859-2.
            code = "ambiguous_encoding" if path.name == "test_latin1.csv" else "empty_file"
            assert head["code"] == code, path.name
            continue
        text = path.read_bytes().decode(head["encoding"]).removeprefix("\ufeff")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=head["delimiter"])
        width = len(head["cells"])
        # Blank cells behind the last name are no cells.
        expected = [cells if any(cells[width:]) else cells[:width] for cells in reader if cells]
        expected = expected[expected.index(head["cells"]) :]
        rejected = kinds(objects, "reject")
        fitting = [
            cells for cells in expected[1:] if len(cells) == len(head["cells"]) and "\0" not in "".join(cells)
        ]
        for one in kinds(objects, "passed_over"):
            assert "blank" in one["why"], path.name
            del fitting[one["line"] - one["last_line"] - 1 :]
            del expected[one["line"] - one["last_line"] - 1 :]
        assert [row["cells"] for row in kinds(objects, "row")] == fitting, path.name
        assert len(rejected) == len(expected) - 1 - len(fitting), path.name
        compared += 1
    assert compared > 50


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dummy.tsv", ("utf-8", "\t", 1)),
        ("sniff_limit.csv", ("utf-8", ";", 1)),
        ("mac_newlines.csv", ("utf-8", ",", 1)),
        ("test_utf16_big.csv", ("utf-16-be", ",", 1)),
        ("test_utf16_little.csv", ("utf-16-le", ",", 1)),
        ("test_utf8_bom.csv", ("utf-8-sig", ",", 1)),
        ("test_skip_lines.csv", ("utf-8", ",", 4)),
        ("realdata/Datagov_FY10_EDU_recp_by_State.csv", ("utf-8", ",", 3)),
        ("realdata/event-notification-rpt-lastmonth.txt", ("utf-8", "|", 1)),
        ("dummy.csv.gz", ("utf-8", ",", 1)),
        ("realdata/ne_1033_data.xlsx", ("utf-8", "", 1)),
    ],
)
def test_what_csvkit_examples_are(name: str, expected: tuple[str, str, int]) -> None:
    head = told(fetched("csvkit==2.2.0", PIP) / "csvkit-2.2.0" / "examples" / name)[0]
    assert (head["encoding"], head["delimiter"], head["line"]) == expected


#: Lists the parser's cases: the array literal in the package's own test file, without running its tests.
PAPA = """
const fs = require('fs'), folder = process.argv[1];
const source = fs.readFileSync(folder + '/tests/test-cases.js', 'utf8');
const cut = source.slice(source.indexOf('var CORE_PARSER_TESTS'), source.indexOf("describe('Core Parser Tests'"));
const names = ['RECORD_SEP', 'UNIT_SEP', 'Papa'];
const values = [String.fromCharCode(30), String.fromCharCode(31), require(folder + '/papaparse.js')];
const cases = new Function(...names, cut + '; return CORE_PARSER_TESTS;')(...values);
const plain = cases.filter(one => Object.entries(one.config || {}).every(
  ([name, value]) => ['delimiter', 'quoteChar'].includes(name) && typeof value === 'string'));
console.log(JSON.stringify(plain.map(one => (
  {about: one.description, input: one.input, config: one.config || {}, data: one.expected.data}))));
"""


def test_papaparse_cases() -> None:
    folder = fetched("papaparse@5.7.1", NPM) / "package"
    done = subprocess.run(["node", "-e", PAPA, str(folder)], capture_output=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip(f"Papa Parse's cases could not be listed: {done.stderr.decode()[-200:]}")
    checked = 0
    for case in json.loads(done.stdout):
        delimiter = case["config"].get("delimiter", ",")
        quote = case["config"].get("quoteChar", '"')
        if case["about"] == "Quoted field with whitespace around quotes":
            # Here blanks around a quoted cell are no part of it; Papa Parse takes such quotes for text.
            continue
        if len(delimiter) != 1 or len(quote) != 1 or not isinstance(case["input"], str) or not case["input"]:
            continue
        checked += never_wrong(case["input"], case["data"], delimiter, quote, case["about"])
    assert checked > 20


def never_wrong(text: str, expected: list[list[str]], delimiter: str, quote: str, about: str) -> bool:
    """Whatever comes out is one of the expected rows, and what does not is reported."""
    width = max(map(len, expected), default=0)
    if not width:
        return False
    # A line end no input mixes with decides; a header of the widest row's size stands above.
    end = "\n" if "\n" in text or "\r" not in text else "\r"
    kind = "lf" if end == "\n" else "cr"
    data = (delimiter.join("h" * width) + end + text).encode()
    try:
        rows, malformed, _ = by_scan(data, Dialect(delimiter, quote, "", kind), 100_000, 1_048_576)
    except (NotATable, ValueError):
        return False
    fitting = [cells for cells in expected if len(cells) == width]
    for _, _, cells in rows:
        assert cells in fitting, f"{about}: {cells} is not what was meant by {text!r}"
    short = [cells for cells in expected if len(cells) != width and cells not in ([""], [])]
    lost = len(fitting) - len(rows)
    assert not lost or malformed or width == 1, about
    assert not short or malformed, about
    return True


def test_cases_of_the_interpreter() -> None:
    module = pytest.importorskip("test.test_csv", reason="this interpreter comes without its tests")
    cases: list[tuple[str, list[list[str]], dict[str, Any]]] = []

    class Recorder(module.Test_Csv):
        def _read_test(self, input: Any, expect: Any, **kwargs: Any) -> None:
            cases.append(
                (
                    "".join(line if line.endswith(("\n", "\r")) else line + "\n" for line in input),
                    expect,
                    kwargs,
                )
            )

    unittest.defaultTestLoader.loadTestsFromTestCase(Recorder).run(unittest.TestResult())
    checked = 0
    for text, expected, how in cases:
        if expected is None:
            continue
        if set(how) - {"delimiter", "quotechar", "strict"} or not all(
            isinstance(c, str) for r in expected for c in r
        ):
            continue
        quote = how.get("quotechar") or '"'
        checked += never_wrong(
            text, [row for row in expected if row], how.get("delimiter", ","), quote, repr(text)
        )
    assert checked >= 5
