"""What docs/ says of fields, metrics and reasons is what the code says."""

import pytest

from tests import reference


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_page_is_current(name: str) -> None:
    written = (reference.DOCS / name).read_text(encoding="utf-8")
    assert written.endswith(reference.PAGES[name]()), "python -m tests.reference writes it anew"


def test_each_reason_stands_in_the_troubleshooting_with_its_meaning_and_what_to_do() -> None:
    page = (reference.DOCS / reference.TROUBLES).read_text(encoding="utf-8")
    assert reference.troubles(page) == page, "python -m tests.reference writes it anew"
    for heading, reasons in reference.SECTIONS.items():
        section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        assert [f"| `{one}` |" in section for one in reasons] == [True] * len(reasons)
    assert page.count("| Nothing. |") == 3  # Succeeded, Valid, PodsAccepted
