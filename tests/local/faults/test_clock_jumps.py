"""The operator's clock jumps, back and forth, by a minute or by hours: what is not timed comes out the same."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.local.faults.clock import run
from tests.local.faults.outcome import differences, essence, outcome
from tests.local.faults.play import Life, Scenario, play
from tests.local.faults.scenarios import SCENARIOS

SEEDS = 3
TIMED = ("schedule-tick", "routes-and-handlers", "rerun")
"""Handlers have five minutes; a rerun runs all anew where the earlier run seems to have ended after its own start."""

UNTIMED = [one for one in SCENARIOS if one.counts and one.name not in TIMED]


def _jumps(seed: int) -> Callable[[Life], Coroutine[Any, Any, None]]:
    async def jump(life: Life) -> None:
        draw = random.Random(seed)  # noqa: S311 - repeats itself by intent
        for _ in range(6):
            await asyncio.sleep(draw.choice((0.3, 1.5, 30.0)) * draw.random())
            life.ahead = timedelta(seconds=draw.choice((-7200, -60, 60, 7200)))

    return jump


@pytest.mark.parametrize("scenario", UNTIMED, ids=lambda one: one.name)
def test_a_clock_that_jumps_changes_no_result(scenario: Scenario, tmp_path: Path) -> None:
    async def life(seed: int | None) -> tuple[Life, dict[str, Any]]:
        played = await play(scenario, tmp_path, chaos=None if seed is None else _jumps(seed))
        return played, essence(outcome(played))

    _, wanted = run(life(None))
    for seed in range(SEEDS):
        played, found = run(life(seed), seed=seed)
        assert played.errors == played.cluster.broken == []
        assert not differences(found, wanted), seed
