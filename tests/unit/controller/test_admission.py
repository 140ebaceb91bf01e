from dataclasses import replace

import pytest

from brood.api.jobrun import JobRunSpec
from brood.controller.admission import Admission
from brood.engine.locks import Lock
from brood.views import PodView, RunView
from tests.unit.controller.views import admitted, finished, later, newer, pod, run

LOCK = Lock("key", 1, "Queue")
WIDE = Lock("key", 3, "Queue")


class Index(Admission):
    """An index whose Pods' runs are gone where a test says so, and which remembers whom it told."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.gone: set[str] = set()
        super().__init__(alive=lambda one: one.run not in self.gone, changed=self._tell_test)

    def _tell_test(self, waiters: list[RunView]) -> None:
        self.told.append([one.meta.name for one in waiters])

    def enter(self, view: RunView, lock: Lock = LOCK) -> RunView:
        self.put(view)
        self.learn(view, lock)
        return view


@pytest.fixture
def index() -> Index:
    return Index()


def _names(views: tuple[RunView, ...]) -> list[str]:
    return [one.meta.name for one in views]


def _lock_pod(name: str, of: str, phase: str = "Pending") -> PodView:
    return replace(pod(name, run=of, phase=phase), lock=LOCK.label)


def test_waiters_go_by_priority_then_creation_then_name(index: Index) -> None:
    runs = [
        later(run("b"), 5),
        later(run("a"), 5),
        later(run("old"), 1),
        later(run("urgent", spec={"priority": 7}), 9),
        later(run("idle", spec={"priority": -1}), 0),
    ]
    for one in runs:
        index.enter(one)
    assert _names(index.state(runs[0], LOCK).waiters) == ["urgent", "old", "a", "b", "idle"]


def test_an_admitted_run_holds_until_it_has_finished(index: Index) -> None:
    first, second = index.enter(run("a")), index.enter(run("b"))
    index.put(admitted(first))
    assert _names(index.state(second, LOCK).holders) == ["a"]
    assert _names(index.state(second, LOCK).waiters) == ["b"]
    index.told.clear()
    index.put(finished(admitted(first)))
    assert index.told == [["b"]]
    assert index.state(second, LOCK).holders == ()


def test_holders_are_known_after_a_restart_whatever_the_order_of_the_listing(index: Index) -> None:
    holder, waiter = admitted(run("a")), run("b")
    index.put(waiter)
    index.put(holder)
    assert {one.meta.name for one in index.unknown("default")} == {"a", "b"}
    for one in index.unknown("default"):
        index.learn(one, LOCK)
    assert _names(index.state(waiter, LOCK).holders) == ["a"]


def test_a_reservation_counts_as_a_holder_for_others_only(index: Index) -> None:
    first, second = index.enter(run("a")), index.enter(run("b"))
    index.reserve(first)
    assert _names(index.state(second, LOCK).holders) == ["a"]
    assert _names(index.state(second, LOCK).waiters) == ["b"]
    assert index.state(first, LOCK).holders == ()
    assert _names(index.state(first, LOCK).waiters) == ["a", "b"]


def test_a_reservation_ends_when_it_is_taken_back(index: Index) -> None:
    first, second = index.enter(run("a")), index.enter(run("b"))
    index.reserve(first)
    index.unreserve(first)
    assert index.state(second, LOCK).holders == ()
    assert index.told[-1] == ["a", "b"]


def test_a_reservation_in_doubt_ends_with_a_newer_version_only(index: Index) -> None:
    first, second = index.enter(run("a")), index.enter(run("b"))
    index.reserve(first)
    index.unsure(first)
    index.unreserve(first)
    index.put(first)  # the same version once more
    assert _names(index.state(second, LOCK).holders) == ["a"]
    index.put(newer(first))
    assert index.state(second, LOCK).holders == ()


def test_a_reservation_in_doubt_that_was_written_becomes_a_holder(index: Index) -> None:
    first, second = index.enter(run("a")), index.enter(run("b"))
    index.reserve(first)
    index.unsure(first)
    index.put(admitted(first))
    index.unreserve(first)
    assert _names(index.state(second, LOCK).holders) == ["a"]


def test_the_smallest_size_of_the_holders_is_told(index: Index) -> None:
    index.put(admitted(index.enter(run("a"), WIDE)))
    index.put(admitted(index.enter(run("b"), Lock("key", 2, "Queue"))))
    waiter = index.enter(run("c"), WIDE)
    assert index.state(waiter, WIDE).max_active == 2


def test_live_pods_of_a_run_that_is_gone_hold_the_key(index: Index) -> None:
    holder = admitted(index.enter(run("a")))
    index.put(holder)
    waiter = index.enter(run("b"))
    index.put_pod(_lock_pod("p", "a"))
    assert index.state(waiter, LOCK).orphans == ()
    index.gone.add("a")
    index.remove(holder)
    assert index.state(waiter, LOCK).orphans == ("a",)
    index.told.clear()
    index.put_pod(_lock_pod("p", "a", phase="Failed"))
    assert index.told == [["b"]]
    assert index.state(waiter, LOCK).orphans == ()


def test_keys_are_of_the_namespace(index: Index) -> None:
    here = admitted(index.enter(run("a")))
    index.put(here)
    there = replace(run("b"), meta=replace(run("b").meta, namespace="elsewhere"))
    index.enter(there)
    assert index.state(there, LOCK).holders == ()


def test_children_have_no_keys(index: Index) -> None:
    index.put(admitted(run("child", parent="a")))
    assert tuple(index.unknown("default")) == ()


def test_a_deleted_run_that_waits_waits_no_more(index: Index) -> None:
    first, second = index.enter(run("a")), index.enter(run("b"))
    index.put(replace(newer(first), meta=replace(first.meta, deleting=True, resource_version="9")))
    assert _names(index.state(second, LOCK).waiters) == ["b"]


def test_a_changed_priority_changes_the_order_and_is_told(index: Index) -> None:
    first, second = index.enter(later(run("a"), 1)), index.enter(later(run("b"), 2))
    index.told.clear()
    spec = JobRunSpec.from_json({"definitionRef": {"name": "hello"}, "priority": 1})
    index.put(newer(second, spec=spec))
    assert index.told == [["b", "a"]]
    assert _names(index.state(first, LOCK).waiters) == ["b", "a"]


def test_a_definition_that_changed_moves_a_waiting_run_to_its_new_key(index: Index) -> None:
    index.put(admitted(index.enter(run("a"))))
    waiter = index.enter(run("b"))
    other = Lock("other", 1, "Queue")
    index.doubt(waiter)
    assert _names(tuple(index.unknown("default"))) == ["b"]
    index.learn(waiter, other)
    assert index.state(waiter, other).holders == ()
    assert _names(index.state(waiter, other).waiters) == ["b"]


def test_nothing_is_left_of_runs_that_are_gone(index: Index) -> None:
    for name in "abc":
        index.enter(run(name))
    index.put(admitted(run("a")))
    index.put_pod(_lock_pod("p", "a"))
    for name in "abc":
        index.remove(run(name))
    index.gone.add("a")
    index.remove_pod(_lock_pod("p", "a"))
    assert index._queues == {}
    assert index._locks == {}


def test_holders_are_told_of_a_newcomer_that_replaces_them(index: Index) -> None:
    holder, waiting = admitted(index.enter(run("a"))), index.enter(run("b"))
    index.put(holder)
    index.told.clear()
    index.enter(run("c"), Lock("key", 1, "Replace"))
    assert index.told == [["b", "c", "a"]]
    assert index.state(waiting, LOCK).replacing == {"uid-c": 1}
