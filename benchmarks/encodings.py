"""Measure how often the encoding of a file of names is found, refused, and wrong.

    python -m benchmarks.encodings            # the table of docs/detection.md
    python -m benchmarks.encodings --wrong    # also every file that was read with wrong letters

The names are those of imports_pipeline_tests/reading/names.txt, which the letter statistics have not seen. Every
file has two English names above them. The choice of names is the same in every run.
"""

from __future__ import annotations

import sys
from collections import Counter

from imports_pipeline_tests.reading.names import ENCODINGS, files, outcome

# (rows with names of the language, files for each language and encoding)
SIZES = ((1, 30), (3, 6), (10, 3), (200, 1))


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


def _found(counts: Counter[tuple[int, str]], rows: int) -> str:
    total = sum(n for (size, _), n in counts.items() if size == rows)
    return f"{100 * counts[rows, 'found'] / total:.0f} %" if total else "–"


if __name__ == "__main__":
    main()
