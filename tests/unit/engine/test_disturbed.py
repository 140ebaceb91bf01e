"""Random runs that are interrupted, terminated, robbed of Pods and children, out of time, or refused: the rules hold all the same."""

import os
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from brood.views import ChildRequest, PodRequest
from tests.unit.engine.carrying import Answer
from tests.unit.engine.definitions import Json, definitions
from tests.unit.engine.driver import Driver
from tests.unit.engine.reference import Reference
from tests.unit.engine.rules import check_world
from tests.unit.engine.test_undisturbed import SEEDS, compare
from tests.unit.engine.world import World

EXAMPLES = int(os.environ.get("ENGINE_EXAMPLES", "250"))
_PHASES = [phase for phase in Phase if phase is not Phase.explain]  # which traces every line, and slowly
_SETTINGS = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None, phases=_PHASES)

ROOT = ["root Interrupt", "root Terminate"]
ACTS = [*ROOT, "any Interrupt", "any Terminate", "delete pod", "delete child", "wait 3", "wait 60"]
HISTORIES = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(ACTS)), min_size=1, max_size=4).map(sorted)
STOPS = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(ROOT)), min_size=1, max_size=2).map(sorted)


def _world(spec: Json) -> World:
    world = World()
    world.define(spec)
    world.submit()
    return world


@_SETTINGS
@given(definitions(), SEEDS, STOPS, st.booleans())
def test_a_run_that_is_stopped_at_any_moment(spec: Json, seed: int, acts: list[tuple[int, str]], slow: bool) -> None:  # noqa: FBT001
    world = _world(spec)
    Driver(world, seed, slow=slow, acts=acts).play()
    check_world(world, spec)


@_SETTINGS
@given(definitions(), SEEDS, HISTORIES, st.sampled_from([None, 1, 5, 20]), st.booleans())
def test_a_run_that_is_disturbed_in_every_way_and_whose_operator_dies(
    spec: Json,
    seed: int,
    acts: list[tuple[int, str]],
    deadline: int | None,
    crashes: bool,  # noqa: FBT001
) -> None:
    if deadline is not None:
        spec = {**spec, "activeDeadlineSeconds": deadline}
    world = _world(spec)
    Driver(world, seed, slow=seed % 2 == 0, crashes=crashes, acts=acts).play()
    check_world(world, spec)


@_SETTINGS
@given(definitions(), SEEDS)
def test_a_run_whose_creates_are_refused_for_a_while_ends_the_same(spec: Json, seed: int) -> None:
    world = _world(spec)
    driver = Driver(world, seed)

    def refuse(request: PodRequest | ChildRequest) -> Answer | None:
        again = Random(f"{seed} {request.name} {world.plans}").random() < 0.3  # noqa: S311 - a test
        return ("Quota", "exceeded quota: q") if again else None

    world.refuse = refuse
    driver.play()
    compare(world, world.runs["run"], Reference(spec, driver.end_of).run())
    check_world(world, spec)
