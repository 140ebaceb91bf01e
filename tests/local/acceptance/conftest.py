from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.local.acceptance.world import Command, Lab, lab


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Command]:
    """`brood run`, which leaves no process behind."""
    command = Command(tmp_path)
    yield command
    assert command.processes() == []


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Lab]:
    """An operator on a local cluster, in this process."""
    async with lab(tmp_path) as made:
        yield made
