"""The language of the code: functions begin with a verb, and nothing refers to a text outside the repository."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import imports_pipeline

PACKAGE = Path(imports_pipeline.__file__).parent
ROOT = PACKAGE.parent
# The first words of the docstrings of functions. A new one may be added; `Give` and `Tell` may not.
_VERBS = """
Abort Accept Add Advance Analyze Append Apply Approve Ask Assign Begin Build Call Cancel Carry Change Check Close
Collect Compare Compile Complete Copy Count Create Decide Decode Delete Detect Disable Divide Do Drop Encode End
Evaluate Exclude Execute Fail Fill Find Finish Flush Fork Handle Have Import Increase Index Interrupt Join Keep Kill
Leave Let Limit List Load Look Make Map Mark Match Merge Move Name Note Open Pair Parse Pass Pause Plan Post Prepare
Print Put Query Queue Raise Read Receive Record Refuse Register Reject Release Remove Rename Replace Report Resolve
Restore Return Revert Revoke Run Save Score Send Serve Set Show Split Start Stop Store Take Turn Undo Update Use
Validate Wait Wrap Write Yield
"""
VERBS = frozenset(_VERBS.split())
# A sentence has a subject; no docstring and no comment begins with one of these words.
NO_BEGINNING = re.compile(r"(?:Of|Within|Whether|So many|Gives?|Tells?)\b")
# A specification that is not in the repository, and what somebody wished.
OUTSIDE = re.compile(r"asked for|SPEC §|SPEC\.md|FIELD\.md|ARCHITECTURE\.md|\bthe issue\b")
# The dates and the text of earlier versions stay as they were written.
LEFT_ALONE = {"CHANGELOG.md"}


def docstrings(path: Path) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield node, text


def places(path: Path) -> Iterator[tuple[str, bool, str]]:
    """Yield where each docstring is, whether it is a function's, and its text; a property counts as a value."""
    for node, text in docstrings(path):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not any(
            "property" in ast.unparse(decorator) for decorator in node.decorator_list
        )
        yield f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 1)}", is_function, text


def comments(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.string.lstrip("#: ")


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    others = [
        f"{place} {text.splitlines()[0]}"
        for path in PACKAGE.rglob("*.py")
        for place, is_function, text in places(path)
        if is_function and text.split()[0].strip(".,:;") not in VERBS
    ]
    assert not others, "begin with Return, Write, Check ..., or add the verb to _VERBS"


def test_docstrings_of_modules_classes_and_properties_name_what_they_hold() -> None:
    others = [
        f"{place} {text.splitlines()[0]}"
        for path in PACKAGE.rglob("*.py")
        for place, is_function, text in places(path)
        if not is_function and text.split()[0] in {"Return", "Returns", "Get", "Gets"}
    ]
    assert not others, "a noun phrase, such as `The rows of a batch`"


def test_sentences_begin_with_their_subject() -> None:
    others = [
        f"{path.relative_to(PACKAGE)} {text}"
        for path in PACKAGE.rglob("*.py")
        for text in (*comments(path), *(text for _, text in docstrings(path)))
        if NO_BEGINNING.match(text)
    ]
    assert not others


def test_nothing_refers_to_a_text_outside() -> None:
    files = [
        *PACKAGE.rglob("*.py"),
        *(ROOT / "imports_pipeline_tests").rglob("*.py"),
        *(ROOT / "benchmarks").rglob("*.py"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
    ]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        if path.name not in LEFT_ALONE and path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if OUTSIDE.search(line)
    ]
    assert not found
