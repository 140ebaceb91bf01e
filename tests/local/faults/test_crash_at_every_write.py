"""The operator dies at its k-th write, before or after the server applied it, for every k; another one takes over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.port import Kind
from tests.local.faults.clock import run
from tests.local.faults.outcome import differences, outcome
from tests.local.faults.play import Life, Process, Scenario, play
from tests.local.faults.scenarios import SCENARIOS
from tests.unit.controller.faults import Verdict

DEATHS: tuple[Verdict, ...] = ("die before", "die after")


def _dies(verdict: Verdict, at: int) -> Callable[[Life, int], Process]:
    def process(life: Life, number: int) -> Process:
        return Process(life.cluster, life.node, lambda write: verdict if (number, write.number) == (0, at) else "pass")

    return process


def _life(scenario: Scenario, directory: Path, process: Callable[[Life, int], Process] | None) -> tuple[Life, Any]:
    async def whole() -> tuple[Life, Any]:
        life = await play(scenario, directory, process=process)
        return life, outcome(life)

    return run(whole())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_o19_a_crash_at_any_write_changes_nothing(
    scenario: Scenario, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    undisturbed, wanted = _life(scenario, tmp_path, None)
    assert {name: wanted["runs"][name]["phase"] for name in scenario.expect} == scenario.expect
    assert undisturbed.errors == undisturbed.cluster.broken == []
    bad: list[str] = []
    cases = [(verdict, at) for at in range(1, len(undisturbed.writes) + 1) for verdict in DEATHS]
    for verdict, at in cases:
        write = undisturbed.writes[at - 1]
        try:
            life, found = _life(scenario, tmp_path, _dies(verdict, at))
            wrong = [*life.errors, *life.cluster.broken, *differences(found, wanted)]
            if len(life.processes) != 2:
                wrong.append(f"{len(life.processes)} operators")
        except AssertionError as error:
            wrong = [str(error)]
        bad += [f"{verdict} write {at} ({write.verb} {write.kind} {write.name}): {one}" for one in wrong]
    record_property("figure", f"{scenario.name}: {len(cases)} crashes")
    assert not bad, "\n".join(bad)
    assert any(write.kind is Kind.POD for write in undisturbed.writes)
