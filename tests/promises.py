"""The table of docs/promises.md: rows, promises and examples are written by hand, tests are found by their names.

``python -m tests.promises`` writes the column of tests anew.
"""

import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "promises.md"
SHOWN = 4
"""Tests named in a row; the places come first that are nearest to what a user sees."""

_PLACES = ("kubernetes", "local/acceptance", "local", "unit")
_ROW = re.compile(r"\| ([FODP][0-9]+) \|")
_TEST = re.compile(r"^ *(?:async )?def (test_(?:[a-z][0-9]+_)+\w+)", re.MULTILINE)


def shown_by_row() -> dict[str, list[tuple[str, str]]]:
    """Return the tests (file, name) that carry a row's id, those nearest to the user first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for place, path in sorted((_place(path), path) for path in TESTS.rglob("test_*.py")):
        if place == len(_PLACES):
            continue
        for name in _TEST.findall(path.read_text(encoding="utf-8")):
            for row in _ids(name):
                found.setdefault(row, []).append((path.relative_to(TESTS.parent).as_posix(), name))
    return found


def _place(path: Path) -> int:
    below = path.relative_to(TESTS).as_posix()
    return next((at for at, place in enumerate(_PLACES) if below.startswith(f"{place}/")), len(_PLACES))


def _ids(name: str) -> Iterator[str]:
    for word in name.split("_")[1:]:
        if not re.fullmatch("[a-z][0-9]+", word):
            return
        yield word.upper()


def written(page: str) -> str:
    """Return the page with its column of tests as the tests are now."""
    found = shown_by_row()
    return "".join(f"{_line(line, found)}\n" for line in page.splitlines())


def _line(line: str, found: dict[str, list[tuple[str, str]]]) -> str:
    row = _ROW.match(line)
    if row is None or row[1] not in found:
        return line
    cells = re.split(r"(?<!\\)\|", line)
    tests = [f"`{file}` `{name}`" for file, name in found[row[1]]]
    more = [f"and {len(tests) - SHOWN} more"] if len(tests) > SHOWN else []
    cells[3] = f" {'<br>'.join([*tests[:SHOWN], *more])} "
    return "|".join(cells)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
