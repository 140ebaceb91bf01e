"""The generated pages of the reference say what the code says."""

import pytest

from tests import reference


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_page_is_current(name: str) -> None:
    written = (reference.DOCS / name).read_text(encoding="utf-8")
    assert written.endswith(reference.PAGES[name]()), "python -m tests.reference writes it anew"
