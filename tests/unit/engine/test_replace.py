"""`concurrency.policy: Replace`: who is ended for whom (contract §2.2, decision 006)."""

from typing import Any

from tests.unit.engine.test_concurrency import KEYED, active, keyed
from tests.unit.engine.world import World


def newcomer(world: World, name: str, *, limit: int = 1, policy: str = "Replace", **run: Any) -> None:
    """Let a run of another definition ask for the key."""
    world.define(KEYED.replace("LIMIT", str(limit)).replace("POLICY", policy), f"of-{name}")
    world.submit(name, f"of-{name}", **run)
    world.settle()


def stopping(world: World) -> list[str]:
    """Return the holders that are being replaced."""
    return [name for name in active(world) if world.condition("Interrupted", run=name) is not None]


def test_a_stricter_newcomer_ends_all_holders_it_needs_to_enter() -> None:
    """The smallest maxActiveRuns is the newcomer's: 1."""
    world = keyed("Queue", "one", "two", limit=3)
    newcomer(world, "new")
    assert stopping(world) == ["one", "two"]


def test_a_newcomer_ends_the_oldest_of_those_it_needs_not_all() -> None:
    world = keyed("Queue", "one", "two", "three", limit=3)
    newcomer(world, "new", limit=3)
    assert stopping(world) == ["one"]


def test_nobody_is_ended_for_a_newcomer_that_a_stronger_holder_keeps_out() -> None:
    world = keyed("Queue", "strong", "weak", limit=2, strong={"priority": 5})
    newcomer(world, "new")
    assert active(world) == ["strong", "weak"]
    assert stopping(world) == []
    assert world.phase("new") == "Queued"


def test_nobody_is_ended_for_a_newcomer_while_a_stronger_run_waits_before_it() -> None:
    world = keyed("Queue", "one", "strong", strong={"priority": 5})
    newcomer(world, "new")
    assert stopping(world) == []
    assert world.phase("strong") == world.phase("new") == "Queued"


def test_a_waiting_run_replaces_though_a_weaker_newer_one_would_too() -> None:
    world = keyed("Queue", "one", one={"priority": 5})
    newcomer(world, "strong", priority=9)
    newcomer(world, "weak", priority=5)
    assert stopping(world) == ["one"]
    found = world.condition("Interrupted", run="one")
    assert found is not None
    assert found[2] == "replaced by strong"


def test_a_newcomer_replaces_a_holder_that_was_created_in_the_same_second_with_a_later_name() -> None:
    """Creation times are whole seconds, so they cannot say who came first; who holds the key did."""
    world = World()
    newcomer(world, "zoe")
    newcomer(world, "adam")
    assert stopping(world) == ["zoe"]
