from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.local.acceptance.command import Command
from tests.local.acceptance.lab import Lab, lab


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Command]:
    """Give `brood run`, and see that it leaves no process behind."""
    command = Command(tmp_path)
    yield command
    assert command.processes() == []


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Lab]:
    """Give an operator on a local cluster, in this process."""
    async with lab(tmp_path) as made:
        yield made
