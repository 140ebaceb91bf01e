"""docs/promises.md speaks of tests that are there, and each promise has one that a user could have written."""

import re

import pytest

from tests.promises import PAGE, TESTS, shown_by_row

ELSEWHERE = {"F12": "later", "O19": "faults", "D16": "a fake clock", "P6": "a fake clock", "P7": "a fake clock"}
"""Rows that are not shown by `brood run` or its like, and why."""

ROWS = re.findall(r"^\| ([FODP][0-9]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_test_of_the_page_is_there() -> None:
    page = PAGE.read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)` `(test_\w+)`", page)
    assert named
    texts = {
        file: (TESTS.parent / file).read_text(encoding="utf-8") for file, _ in named if (TESTS.parent / file).exists()
    }
    gone = [f"{file} {name}" for file, name in named if f"def {name}(" not in texts.get(file, "")]
    assert gone == [], "python -m tests.promises writes the table anew"


def test_every_promise_but_the_one_for_later_has_an_example_that_is_there() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| [FODP]\d", line)]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in rows]
    assert [row[1] for row in cells if not any(_is_example(one) for one in row[4:-1])] == ["F12"]


def _is_example(text: str) -> bool:
    """Whether all that a cell names are directories of examples, or pages."""
    places = [PAGE.parent / one for one in re.findall(r"\((.+?\.md)\)", text)]
    places += [TESTS.parent / one for one in re.findall(r"examples/[\w-]+", text)]
    return bool(places) and all(place.exists() for place in places)


def test_every_row_of_the_list_is_on_the_page() -> None:
    wanted = [*(f"F{number}" for number in range(1, 13)), *(f"O{number}" for number in range(1, 22))]
    wanted += [*(f"D{number}" for number in range(1, 21)), *(f"P{number}" for number in range(1, 11))]
    assert wanted == ROWS


@pytest.mark.parametrize("row", [row for row in ROWS if row not in ELSEWHERE])
def test_each_promise_is_shown_from_outside(row: str) -> None:
    assert any(file.startswith("tests/local/acceptance/") for file, _ in shown_by_row()[row])
