"""Measure how often the encoding of a file of names is found, refused, and wrong.

    python -m benchmarks.encodings            # the table of docs/explanation/detection.md
    python -m benchmarks.encodings --wrong    # also every file that was read with wrong letters
    python -m benchmarks.encodings --leads    # the largest leads of wrong readings, which CERTAIN must exceed

The names are those of imports_pipeline_tests/reading/detection/names.txt, which the letter statistics have not seen.
Every file has two English names above them. The choice of names is the same in every run.
"""

from __future__ import annotations

import sys
from collections import Counter

from imports_pipeline_tests.reading.detection.names import ENCODINGS, files, outcome, wrong_lead

# (rows with names of the language, files for each language and encoding)
SIZES = ((1, 60), (3, 6), (10, 3), (200, 1))
# The same for the leads of wrong readings: many small files, as large ones are hardly ever read wrongly.
LEAD_SIZES = ((1, 60), (2, 40), (3, 40), (5, 20), (10, 10))


def main() -> None:
    """Print a line for each encoding and for each language."""
    by_encoding: dict[str, Counter[tuple[int, str]]] = {}
    by_language: dict[str, Counter[tuple[int, str]]] = {}
    for language, encodings in ENCODINGS.items():
        for encoding in encodings:
            for rows, count in SIZES:
                for names in files(language, encoding, rows, count):
                    result = outcome(names, encoding)
                    for table, key in ((by_encoding, encoding), (by_language, language)):
                        table.setdefault(key, Counter())[rows, result.kind] += 1
                    if result.kind == "wrong" and "--wrong" in sys.argv:
                        print(language, encoding, names[:5], result.text.splitlines()[3:5])
    print("| | " + " | ".join(f"{rows} row{'s' * (rows > 1)}" for rows, _ in SIZES) + " | wrong | files |")
    print("|---" * (len(SIZES) + 3) + "|")
    for table in (by_encoding, by_language):
        for key, counts in table.items():
            print(f"| {key} | " + " | ".join(_found(counts, rows) for rows, _ in SIZES), end=" | ")
            print(sum(n for (_, kind), n in counts.items() if kind == "wrong"), "|", counts.total(), "|")


def leads() -> None:
    """Print how many files have a likeliest reading that is wrong, and the largest leads of such readings."""
    found = []
    count = 0
    for language, encodings in ENCODINGS.items():
        for encoding in encodings:
            for rows, number in LEAD_SIZES:
                for names in files(language, encoding, rows, number):
                    count += 1
                    if lead := wrong_lead(names, encoding):
                        found.append((lead, language, encoding, names))
    print(f"{len(found)} of {count} files have a likeliest reading that is wrong. The largest leads:")
    for lead, language, encoding, names in sorted(found, reverse=True)[:20]:
        print(f"{lead:5.1f} {language} {encoding} {', '.join(names)}")


def _found(counts: Counter[tuple[int, str]], rows: int) -> str:
    total = sum(n for (size, _), n in counts.items() if size == rows)
    return f"{100 * counts[rows, 'found'] / total:.0f} %" if total else "–"


if __name__ == "__main__":
    leads() if "--leads" in sys.argv else main()
