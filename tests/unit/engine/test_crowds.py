"""No order of taking keys, pools and limits can deadlock, and none of them is ever exceeded (contract §2.2)."""

import os
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.crowds import Crowd, crowd
from tests.unit.engine.driver import Driver
from tests.unit.engine.world import World

EXAMPLES = int(os.environ.get("ENGINE_EXAMPLES", "250")) // 10  # each is several trees of runs
SEEDS = st.integers(0, 10**6)
DISTURBED = ["any Interrupt", "any Terminate", "delete pod", "delete child", "wait 60"]


@dataclass
class Crowded(Driver):
    """Submits the runs of a crowd one by one while others run."""

    crowd: Crowd = field(kw_only=True)

    def _act(self, what: str) -> None:
        if what.startswith("submit"):
            name, definition, priority = self.crowd.runs[int(what.split()[1])]
            self.world.submit(name, definition, priority=priority)
            self.world.pass_time(1)
        elif self.world.runs:  # else somebody has deleted the last one
            super()._act(what)


def _play(found: Crowd, order: int, *, crashes: bool, others: list[str]) -> World:
    """Let the runs of a crowd come and go; each cap is checked at every write."""
    random = Random(f"acts {order}")  # noqa: S311 - to repeat
    world = World(limits=found.limits)
    for name, spec in found.definitions.items():
        world.define(spec, name)
    acts = [f"submit {at}" for at in range(1, len(found.runs))] + others
    driver = Crowded(
        world, order, slow=order % 2 == 0, crashes=crashes, crowd=found,
        acts=sorted((random.randrange(40), act) for act in acts),
    )  # fmt: skip
    driver._act("submit 0")
    driver.play()
    while driver.acts:
        driver._act(driver.acts.pop(0)[1])
        driver.play()
    return world


def _check(world: World) -> None:
    """Everything has ended, and nothing is held any more."""
    assert all(run.status.finished for run in world.runs.values()), world.describe()
    held = world.slots()
    assert (held.pods, held.runs, dict(held.holders), len(held.volumes)) == (0, 0, {}, 0)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, SEEDS, st.booleans())
def test_everything_ends_whatever_is_shared_and_in_whatever_order(seed: int, order: int, crashes: bool) -> None:  # noqa: FBT001
    _check(_play(crowd(seed), order, crashes=crashes, others=[]))


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS, SEEDS, st.lists(st.sampled_from(DISTURBED), min_size=1, max_size=4))
def test_everything_ends_also_where_runs_are_stopped_and_robbed(seed: int, order: int, others: list[str]) -> None:
    unknown = "delete child" in others  # one that is gone before any status told of it is made again
    _check(_play(crowd(seed), order, crashes=not unknown, others=others))
