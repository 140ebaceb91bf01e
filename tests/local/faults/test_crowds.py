"""Crowds of runs that share keys, pools and limits, with the real controller: everything ends, and no cap is ever exceeded.

Nothing is looked at without a reason here, so a wake-up that is missing is a life that gets stuck.
"""

import asyncio
import os
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.port import Kind
from brood.controller.config import Config
from tests import manifests
from tests.local.faults.clock import LONGEST, run
from tests.local.faults.disturb import Disturbed, Faults
from tests.local.faults.node import End, Script
from tests.local.faults.play import Life, Process, Scenario, play
from tests.local.faults.watched import finished
from tests.unit.engine.crowds import Crowd, crowd

FIRST, LAST = map(int, os.environ.get("BROOD_SEEDS", "0-59").split("-"))
CHUNK = 10


def _users(found: Crowd, seed: int) -> Callable[[Life], Coroutine[Any, Any, None]]:
    async def submit(life: Life) -> None:
        draw = random.Random(f"users {seed}")  # noqa: S311 - to repeat
        for name, definition, priority in found.runs:
            life.store.create(Kind.JOB_RUN, manifests.run(name, definitionRef={"name": definition}, priority=priority))
            await asyncio.sleep(draw.choice((0.0, 0.3, 2.0, 9.0)))

    return submit


def _script(seed: int) -> Script:
    def end(at: str, before: int) -> End:
        draw = random.Random(f"{seed} {at} {before}")  # noqa: S311 - to repeat
        return End(code=draw.choice((0, 0, 0, 3)), seconds=draw.choice((0.1, 1.0, 5.0)))

    return end


def _scenario(seed: int) -> Scenario:
    found = crowd(seed)
    limits = found.limits
    config = Config(
        pools=limits.sizes, max_pods=limits.max_pods, max_runs=limits.max_runs, max_volumes=limits.max_volumes,
        resync_interval=LONGEST,
    )  # fmt: skip
    definitions = (
        (Kind.JOB_DEFINITION, manifests.definition(name, **spec)) for name, spec in found.definitions.items()
    )
    return Scenario(f"crowd-{seed}", tuple(definitions), _script(seed), _users(found, seed), config)


def _play(seed: int, directory: Path) -> list[str]:
    """Play a crowd; every third one on a network that fails."""
    faults = Faults(seed, rough=False)

    def process(life: Life, _: int) -> Process:
        return Disturbed(life, faults) if seed % 3 == 2 else Process(life.cluster, life.node)

    try:
        life = run(play(_scenario(seed), directory, process=process), seed=seed)
    except AssertionError as error:
        return [f"seed {seed}: {error!r}"]
    wrong = [*life.errors, *life.cluster.broken]
    wrong += [f"{one['metadata']['name']} has not ended" for one in life.runs() if not finished(one)]
    return [f"seed {seed}: {one}" for one in wrong]


@pytest.mark.parametrize("first", range(FIRST, LAST + 1, CHUNK))
def test_nothing_that_runs_share_can_deadlock_them_or_be_exceeded(first: int, tmp_path: Path) -> None:
    wrong = [line for seed in range(first, min(first + CHUNK, LAST + 1)) for line in _play(seed, tmp_path)]
    assert not wrong, "\n".join(wrong)
