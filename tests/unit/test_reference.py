"""What docs/ says of fields, metrics and reasons is what the code says."""

import re

import pytest

from tests import reference

ROW = re.compile(r"\| `(\w+)` \| ([^|]+) \| ([^|]+) \|")


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_page_is_current(name: str) -> None:
    written = (reference.DOCS / name).read_text(encoding="utf-8")
    assert written.endswith(reference.PAGES[name]()), "python -m tests.reference writes it anew"


@pytest.mark.parametrize("heading", reference.SECTIONS)
def test_each_reason_is_explained_as_in_the_code_and_with_what_to_do(heading: str) -> None:
    page = (reference.DOCS / reference.TROUBLES).read_text(encoding="utf-8")
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    wanted = [(str(one), reference.text(one.description)) for one in reference.SECTIONS[heading]]
    assert [(name, meaning) for name, meaning, _ in ROW.findall(section)] == wanted
