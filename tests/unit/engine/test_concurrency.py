"""`concurrency`: one lock of the namespace per key (contract §2.2)."""

from typing import Any

import pytest

from brood.engine.concurrency import admission
from brood.engine.locks import Lock, LockState, SlotState
from tests.unit.engine.world import World, exits, ok

KEYED = "{params: [{name: KEY, default: acme}], concurrency: {key: '{{ params.KEY }}', maxActiveRuns: LIMIT, policy: POLICY}, tasks: [{name: a, script: x}, {name: b, script: x}]}"


def keyed(policy: str, *names: str, limit: int = 1, **each: dict[str, Any]) -> World:
    """Return a world with runs of one key."""
    world = World()
    world.define(KEYED.replace("LIMIT", str(limit)).replace("POLICY", policy))
    for name in names:
        world.submit(name, **each.get(name, {}))
        world.settle()
        world.pass_time(1)
    return world


def active(world: World) -> list[str]:
    """Return the runs that hold the key."""
    return [name for name, run in world.runs.items() if run.status.start_time is not None and not run.status.finished]


def finish(world: World, name: str, code: int = 0) -> None:
    """Let a run end."""
    for pod in world.live_pods():
        if world.pods[pod].pod.run == name:
            world.end(pod, exits(code) if code else ok())
    world.settle()


def test_f8_a_second_run_waits_naming_the_first_and_its_position() -> None:
    world = keyed("Queue", "one", "two", "three")
    assert active(world) == ["one"]
    for name, position in (("two", 1), ("three", 2)):
        assert world.phase(name) == "Queued"
        message = f"1 run holds key acme: one; position {position}"
        assert world.runs[name].status.message == message
        assert world.condition("Succeeded", run=name) == ("Unknown", "Queued", message)
        assert world.condition("Reconciling", run=name) is not None
        assert world.condition("Admitted", run=name) is None


def test_the_message_is_that_of_the_contract() -> None:
    world = keyed("Queue", "encode-41", "encode-40", "a", "b", "c", limit=2)
    assert world.runs["c"].status.message == "2 runs hold key acme: encode-40, encode-41; position 3"


def test_many_holders_are_counted_not_listed() -> None:
    world = keyed("Queue", *(f"r{at}" for at in range(8)), limit=7)
    assert world.runs["r7"].status.message == "7 runs hold key acme: r0, r1, r2, r3, r4 and 2 more; position 1"


@pytest.mark.parametrize("code", [0, 1])
def test_o4_the_next_run_starts_each_time_the_holder_ends(code: int) -> None:
    world = keyed("Queue", "one", "two", "three")
    for name in ("one", "two", "three"):
        assert active(world) == [name]
        finish(world, name, code)
    assert active(world) == []


def test_o4_after_a_cancellation_the_lock_is_held_until_the_last_pod_has_ended() -> None:
    world = keyed("Queue", "one", "two")
    world.shutdown("one")
    world.settle()
    assert active(world) == ["one"]
    finish(world, "one")
    assert active(world) == ["two"]


def test_o2_a_run_holds_its_key_until_its_last_child_has_ended_back_off_included() -> None:
    world = World()
    world.define("""
    concurrency: {}
    tasks: [{name: f, fork: {definitionRef: {name: l}}}]
    definitions: [{name: l, tasks: [{name: x, script: x, retryPolicy: {limit: 1, intervalSeconds: 100}}]}]
    """)
    world.submit("one")
    world.submit("two")
    world.settle()
    world.end(world.live_pods()[0], exits(1))
    world.settle()
    assert not world.live_pods()
    assert active(world)[:1] == ["one"]
    assert world.phase("two") == "Queued"
    assert world.runs["two"].status.message == "1 run holds key main: one; position 1"


def test_o1_reject_ends_the_newcomer_at_once_naming_the_holder() -> None:
    world = keyed("Reject", "one", "two")
    assert world.phase("two") == "Rejected"
    assert world.condition("Succeeded", run="two") == ("False", "Rejected", "1 run holds key acme: one")
    assert world.condition("Stalled", run="two") is not None
    assert {world.pods[name].pod.run for name in world.live_pods()} == {"one"}
    assert world.runs["two"].status.handlers == ()


def test_o6_different_keys_run_side_by_side_and_two_definitions_with_one_key_exclude_each_other() -> None:
    world = keyed("Queue", "one", "two", two={"params": {"KEY": "other"}})
    assert active(world) == ["one", "two"]
    world.define("{concurrency: {key: acme}, tasks: [{name: a, script: x}]}", "second")
    world.submit("three", "second")
    world.settle()
    assert world.runs["three"].status.message == "1 run holds key acme: one; position 1"


def test_the_key_is_by_default_the_definitions_name() -> None:
    world = World()
    world.define("{concurrency: {}, tasks: [{name: a, script: x}]}")
    world.submit("one")
    world.submit("two")
    world.settle()
    assert world.runs["two"].status.message == "1 run holds key main: one; position 1"


def test_waiting_runs_go_by_priority_then_age_then_name() -> None:
    world = keyed("Queue", "first", "low", "old", "young", "high", low={"priority": -1}, high={"priority": 5})
    order = []
    for _ in range(5):
        (name,) = active(world)
        order.append(name)
        finish(world, name)
    assert order == ["first", "high", "old", "young", "low"]


def test_the_smallest_limit_of_holders_and_newcomer_counts() -> None:
    world = keyed("Queue", "one", "two", limit=2)
    assert len(active(world)) == 2
    world = keyed("Queue", "one", limit=5)
    world.define(KEYED.replace("LIMIT", "1").replace("POLICY", "Queue"), "strict")
    world.submit("two", "strict")
    world.settle()
    assert world.phase("two") == "Queued"


def test_the_concurrency_of_a_childs_definition_is_not_looked_at() -> None:
    world = World()
    world.define(
        "{concurrency: {}, tasks: [{name: c, run: {definitionRef: {name: main}}, when: \"{{ run.name == 'run' }}\"}, {name: x, script: x}]}"
    )
    world.submit()
    world.play()
    assert world.phase() == "Succeeded"


def test_o3_of_a_storm_exactly_one_is_active_at_any_moment() -> None:
    world = keyed("Queue")
    for at in range(20):
        world.submit(f"r{at:02}")
    world.settle()
    for at in range(20):
        assert active(world) == [f"r{at:02}"]
        finish(world, f"r{at:02}")


def test_a_waiting_run_that_is_interrupted_leaves_the_queue() -> None:
    world = keyed("Queue", "one", "two", "three")
    world.shutdown("two")
    world.settle()
    assert world.phase("two") == "Cancelled"
    assert world.runs["three"].status.message.endswith("position 1")


def test_a_slot_stays_taken_by_pods_whose_run_is_gone() -> None:
    world = keyed("Queue", "one")
    lock = Lock("acme", 1, "Queue")
    answer = admission(
        world.runs["one"], lock, LockState(orphans=("gone",), waiters=(world.runs["one"],), max_active=None)
    )
    assert (answer.verdict, answer.message) == (
        "wait",
        "1 run holds key acme: gone (gone, its Pods still end); position 1",
    )


def test_a_key_that_cannot_be_rendered_fails_the_run() -> None:
    world = World()
    world.define("{params: [{name: A, required: true}], concurrency: {key: '{{ params.A }}'}, tasks: [{name: a}]}")
    world.submit()
    world.settle()
    found = world.condition("Succeeded")
    assert found is not None
    assert found[:2] == ("False", "InvalidParams")


def test_the_limit_of_root_runs_holds_no_child_back() -> None:
    world = World(limits=SlotState(max_runs=1))
    world.define(
        "{tasks: [{name: call, run: {definitionRef: {name: sub}}}], definitions: [{name: sub, tasks: [{name: a, script: x}]}]}"
    )
    world.submit("one")
    world.submit("two")
    world.settle()
    assert (world.phase("one"), world.phase("two")) == ("Running", "Queued")
    told = "active root runs in the namespace: 1 (limit: 1)"
    assert world.condition("Reconciling", "two") == ("True", "NamespaceLimit", told)
    world.play()
    assert (world.phase("one"), world.phase("two")) == ("Succeeded", "Succeeded")


def test_no_volume_is_made_for_a_pod_that_waits_for_a_pool() -> None:
    world = World(limits=SlotState(max_volumes=1))
    world.define("{tasks: [{name: a, script: x, pools: [p], artifacts: {paths: [f]}}]}")
    world.submit("one")
    world.settle()
    world.submit("two")
    world.settle()
    assert (world.row("a", "two").reason, len(world.claims)) == ("PoolFull", 1)
    world.end_task("a", ok(), "one")
    world.settle()
    assert (world.row("a", "two").reason, len(world.claims)) == ("ArtifactVolumeLimit", 1)
