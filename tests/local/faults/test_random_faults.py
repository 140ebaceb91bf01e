"""Random faults in front of the port and behind it, by seeds: what is asked for still happens, once.

`BROOD_SEEDS=300-400` plays others; a failing one is played again, and told in full, by the command that its failure names.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.local.faults.clock import run
from tests.local.faults.disturb import Disturbed, Faults, havoc
from tests.local.faults.outcome import differences, essence, outcome
from tests.local.faults.play import Life, Scenario, play
from tests.local.faults.scenarios import SCENARIOS
from tests.local.faults.watched import finished

FIRST, LAST = map(int, os.environ.get("BROOD_SEEDS", "0-379").split("-"))
CHUNK = 20
COMMAND = "BROOD_SEEDS={0}-{0} python -m pytest -s tests/local/faults/test_random_faults.py"


def _lives(scenario: Scenario, faults: Faults | None, directory: Path) -> tuple[Life, dict[str, Any]]:
    async def whole() -> tuple[Life, dict[str, Any]]:
        if faults is None:
            life = await play(scenario, directory)
        else:
            life = await play(
                scenario,
                directory,
                process=lambda life, _: Disturbed(life, faults),
                chaos=lambda life: havoc(life, faults),
            )
        return life, outcome(life)

    return run(whole(), seed=0 if faults is None else faults.seed)


@cache
def _undisturbed(name: str, directory: Path) -> dict[str, Any]:
    scenario = next(one for one in SCENARIOS if one.name == name)
    return _lives(scenario, None, directory)[1]


def _play(seed: int, directory: Path) -> list[str]:
    scenario = SCENARIOS[seed % len(SCENARIOS)]
    faults = Faults(seed, rough=seed // len(SCENARIOS) % 3 == 2)
    try:
        life, found = _lives(scenario, faults, directory)
        broken = life.cluster.broken
        if (
            faults.rough
        ):  # a child that was deleted before it was known is made again; a phase that was overwritten, repaired
            broken = [one for one in broken if not one.startswith("JobRun") and "after its end" not in one]
        wrong = [*life.errors, *broken]
        wrong += [f"{one['metadata']['name']} has not ended" for one in life.runs() if not finished(one)]
        if not faults.rough:
            wrong += differences(essence(found), essence(_undisturbed(scenario.name, directory)))
    except AssertionError as error:
        wrong = [repr(error)]
    if FIRST == LAST:
        print("\n".join([scenario.name, *faults.told]))  # noqa: T201 - the replay of one seed
    return [f"seed {seed} ({scenario.name}): {one}" for one in wrong]


@pytest.mark.parametrize("first", range(FIRST, LAST + 1, CHUNK))
def test_no_fault_makes_anything_twice_or_loses_a_result(
    first: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    bad: dict[int, list[str]] = {}
    seeds = range(first, min(first + CHUNK, LAST + 1))
    for seed in seeds:
        wrong = _play(seed, tmp_path)
        if wrong and all("Stuck(" in line for line in wrong):
            # Seen once in thousands on a machine at load 12, never alone: the files of a seed are real, only its clock is not.
            record_property(f"stuck once, seed {seed}", "; ".join(wrong))
            (tmp_path / "again").mkdir(exist_ok=True)
            wrong = _play(seed, tmp_path / "again")
        if wrong:
            bad[seed] = wrong
    record_property("figure", f"random faults: {len(seeds)} seeds from {first}")
    told = [line for lines in bad.values() for line in lines] + ["again: " + COMMAND.format(seed) for seed in bad]
    assert not bad, "\n".join(told)
