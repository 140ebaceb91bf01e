"""Random runs that nobody disturbs end as the reference model says, whatever the order of events, and over crashes."""

import os

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from brood.views import RunView
from tests.unit.engine.definitions import Json, definitions
from tests.unit.engine.driver import Driver
from tests.unit.engine.reference import Reference, Run
from tests.unit.engine.world import World

EXAMPLES = int(os.environ.get("ENGINE_EXAMPLES", "250"))
_PHASES = [phase for phase in Phase if phase is not Phase.explain]  # which traces every line, and slowly
_SETTINGS = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None, phases=_PHASES)
SEEDS = st.integers(0, 10**6)


def _driven(spec: Json, seed: int, *, slow: bool = False, crashes: bool = False) -> Driver:
    world = World()
    world.define(spec)
    world.submit()
    driver = Driver(world, seed, slow=slow, crashes=crashes)
    driver.play()
    return driver


def compare(world: World, run: RunView, expected: Run) -> None:
    """Compare a run and everything below it with what the reference says."""
    status = run.status
    tasks = {row.name: row for row in status.tasks}
    where = f"{expected.path}: {world.describe()}"
    for name, want in expected.rows.items():
        row = tasks[name]
        assert (str(row.phase), str(row.reason)) == (want.phase, want.reason), f"{name} of {where}"
        assert row.exit_code == want.code, f"{name} of {where}"
        if want.attempts:
            assert row.attempt == want.attempts, f"{name} of {where}"
        if want.items is not None and row.items is not None and not expected.fuzzy:
            assert {one: getattr(row.items, one) for one in want.items} == want.items, f"{name} of {where}"
    if not expected.fuzzy:
        assert str(status.phase) == expected.phase, where
        assert world.outputs(run.meta.name) == expected.outputs, where
        assert status.exit_code == expected.code, where
    for name, children in expected.children.items():
        for index, want_child in children.items():
            made = [one for one in world.children_of(run) if (one.task, one.index) == (name, index)]
            if made and not expected.fuzzy:
                compare(world, max(made, key=lambda one: one.attempt), want_child)


@_SETTINGS
@given(definitions(), SEEDS)
def test_a_run_ends_as_the_contract_says_whatever_the_order_of_events(spec: Json, seed: int) -> None:
    driver = _driven(spec, seed)
    expected = Reference(spec, driver.end_of).run()
    compare(driver.world, driver.world.runs["run"], expected)


@_SETTINGS
@given(definitions(), SEEDS)
def test_o19_a_run_whose_operator_dies_between_writes_ends_the_same(spec: Json, seed: int) -> None:
    driver = _driven(spec, seed, slow=True, crashes=True)
    expected = Reference(spec, driver.end_of).run()
    compare(driver.world, driver.world.runs["run"], expected)
