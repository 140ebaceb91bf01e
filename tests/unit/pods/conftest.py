"""A sandbox per shell that is installed here."""

from pathlib import Path

import pytest

from tests.unit.pods.sandbox import SHELLS, Sandbox


@pytest.fixture(params=SHELLS)
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    """Give a machine whose /bin/sh is one of the shells."""
    return Sandbox(tmp_path, request.param)
