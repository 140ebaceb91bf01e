"""The cache keeps its indexes event by event; they must be those that a listing of everything would give."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brood.api.jobrun import JobRunSpec
from brood.api.phases import RunPhase, TaskPhase
from brood.api.status import ItemsStatus, JobRunStatus, TaskStatus
from brood.controller.cache import Cache
from brood.controller.keys import Key, Subject, definition_key, run_key
from brood.engine.locks import Lock
from brood.views import ClaimView, Malformed, PodView, RevisionView, RunView
from tests.unit.controller.views import admitted, finished, later, meta, newer, pod, run


class Bells:
    def __init__(self) -> None:
        self.rung: list[Key] = []
        self.later: list[Key] = []

    def cache(self) -> Cache:
        return Cache(wake=self.ring, wake_after=lambda key, _: self.later.append(key))

    def ring(self, key: Key) -> None:
        self.rung.append(key)

    def take(self) -> set[str]:
        rung, self.rung = {f"{key.subject}:{key.name}" for key in self.rung}, []
        return rung


@pytest.fixture
def bells() -> Bells:
    return Bells()


@pytest.fixture
def cache(bells: Bells) -> Cache:
    return bells.cache()


def put(cache: Cache, *views: RunView) -> None:
    for one in views:
        cache.on_run(one, (one.meta.namespace, one.meta.name))


def drop(cache: Cache, view: RunView) -> None:
    cache.on_run(None, (view.meta.namespace, view.meta.name))


# --- who wakes ---


def test_a_child_wakes_its_parent_by_what_concerns_it_and_not_by_its_counters(cache: Cache, bells: Bells) -> None:
    child = run("child", parent="root", index=0)
    put(cache, run("root"), child)
    assert bells.take() == {"run:root", "run:child"}
    counted = newer(child, status=replace(child.status, progress="1/2", phase=None))
    put(cache, counted)
    assert bells.take() == {"run:child"}
    put(cache, newer(finished(counted)))
    assert bells.take() == {"run:child", "run:root"}


def test_a_steered_root_wakes_its_unfinished_tree(cache: Cache, bells: Bells) -> None:
    root = run("root")
    put(cache, root, run("a", parent="root"), run("b", parent="a", root="root"), finished(run("c", parent="root")))
    bells.take()
    spec = JobRunSpec.from_json({"definitionRef": {"name": "hello"}, "shutdown": "Interrupt"})
    put(cache, newer(root, spec=spec))
    assert bells.take() == {"run:root", "run:a", "run:b"}


def test_a_pod_wakes_its_run_but_not_by_what_nobody_reads(cache: Cache, bells: Bells) -> None:
    put(cache, run("root"))
    first = pod("p", run="root")
    bells.take()
    cache.on_pod(None, first)
    assert bells.take() == {"run:root"}
    same = replace(first, meta=replace(first.meta, resource_version="7"))
    cache.on_pod(first, same)
    assert bells.take() == set()
    placed = replace(same, node="worker-1")
    cache.on_pod(same, placed)
    assert bells.take() == set()
    assert [one.node for one in cache.pods.of("uid-root").all()] == ["worker-1"]
    cache.on_pod(placed, replace(placed, phase="Running"))
    assert bells.take() == {"run:root"}
    cache.on_pod(same, None)
    assert bells.take() == {"run:root"}


def test_a_pod_without_a_run_has_a_key_of_its_own_while_it_is_held(cache: Cache, bells: Bells) -> None:
    held = pod("p", run="gone")
    cache.on_pod(None, held)
    assert bells.rung == [Key(Subject.ORPHAN, "default", "p")]
    bells.take()
    released = replace(held, meta=replace(held.meta, finalizers=(), resource_version="2"))
    cache.on_pod(held, released)
    assert bells.take() == set()
    assert cache.orphans == {}


def test_a_run_that_goes_leaves_its_pods_as_orphans(cache: Cache, bells: Bells) -> None:
    root = run("root")
    put(cache, root)
    cache.on_pod(None, pod("p", run="root"))
    bells.take()
    drop(cache, root)
    assert bells.take() == {"run:root", "orphan:p"}


def test_a_run_made_anew_under_the_same_name_is_another_run(cache: Cache, bells: Bells) -> None:
    old = run("root")
    put(cache, old, run("child", parent="root"))
    cache.on_pod(None, pod("p", run="root"))
    bells.take()
    fresh = replace(old, meta=replace(old.meta, uid="uid-other", resource_version="50"))
    put(cache, fresh)
    assert "orphan:p" in bells.take()
    assert cache.family.root(run("child", parent="root")) is None
    assert not cache.pods.of("uid-other")


def test_a_claim_wakes_the_unfinished_runs_of_its_tree(cache: Cache, bells: Bells) -> None:
    put(cache, run("root"), run("a", parent="root"), finished(run("b", parent="root")))
    bells.take()
    pending = ClaimView(meta("v", owner_uid="uid-root"), "Pending", owners=("uid-root",))
    cache.on_claim(None, pending)
    assert bells.take() == {"run:root", "run:a"}
    cache.on_claim(pending, replace(pending, meta=replace(pending.meta, resource_version="5")))
    assert bells.take() == set()
    cache.on_claim(pending, replace(pending, phase="Bound"))
    assert bells.take() == {"run:root", "run:a"}
    assert cache.claims.of(run("root")) is not None


def test_a_users_claim_wakes_the_trees_that_use_it_also_when_it_appears_later(cache: Cache, bells: Bells) -> None:
    put(cache, run("root"), run("a", parent="root"), run("other"))
    cache.claims.use(run("root"), "mine")
    bells.take()
    claim = ClaimView(meta("mine"), "Pending", made=False)
    cache.on_claim(None, claim)
    assert bells.take() == {"run:root", "run:a"}
    assert cache.claims.of(run("root")) is claim
    assert not cache.slots.state("default").volumes, "it is none of brood's"
    put(cache, finished(run("root")))
    bells.take()
    cache.on_claim(claim, None)
    assert bells.take() == set()
    assert cache.claims.of(run("root")) is None


def test_waiting_runs_are_told_later_the_further_back_they_are() -> None:
    delays: dict[str, float] = {}
    cache = Cache(wake=lambda _: None, wake_after=lambda key, seconds: delays.update({key.name: seconds}))
    lock = Lock("k", 1, "Queue")
    views = [run(name) for name in ("a", "b", "c", "d")]
    put(cache, *views)
    for one in views:
        cache.admission.learn(one, lock)
    put(cache, admitted(views[0]))
    delays.clear()
    put(cache, finished(admitted(views[0])))
    assert delays["b"] == 0
    assert 0 < delays["c"] < delays["d"]


def test_pods_of_a_tree_hold_its_key_when_the_root_is_gone_and_only_then(cache: Cache) -> None:
    lock = Lock("k", 1, "Queue")
    child, waiting = run("child", parent="root"), run("waiting")
    put(cache, admitted(run("root")), child, waiting)
    for one in (run("root"), waiting):
        cache.admission.learn(one, lock)
    for name in ("pod-a", "pod-b"):
        cache.on_pod(None, replace(pod(name, run="child", root="root", phase="Running"), lock=lock.label))

    def orphans() -> tuple[str, ...]:
        return cache.admission.state(waiting, lock).orphans

    drop(cache, child)
    assert orphans() == (), "the root that holds the key is counted once"
    put(cache, child)
    drop(cache, run("root"))
    assert orphans() == ("root",)
    drop(cache, child)
    put(cache, later(run("root", uid="uid-of-another"), 5))
    assert orphans() == ("root",), "one that was given its name is another"


def test_what_cannot_be_read_any_more_stays_held(cache: Cache, bells: Bells) -> None:
    root = run("root")
    put(cache, root)
    broken = Malformed(replace(root.meta, resource_version="9"), "spec.surprise: unknown field")
    cache.on_run(broken, ("default", "root"))
    assert cache.family.get("default", "root") is root
    assert cache.malformed[("default", "root")] is broken
    put(cache, replace(root, meta=replace(root.meta, resource_version="10")))
    assert cache.malformed == {}


def test_active_runs_follow_the_definition_that_a_type_turned_out_to_mean(cache: Cache, bells: Bells) -> None:
    spec = JobRunSpec.from_json({"definitionRef": {"type": "t", "version": "1"}})
    view = replace(run("root"), spec=spec)
    put(cache, view)
    assert cache.active_runs("default", "hello") == 0
    pinned = newer(view, status=replace(view.status, revision="hello-abcdefghij"))
    put(cache, pinned)
    assert cache.active_runs("default", "hello") == 1
    put(cache, newer(finished(pinned)))
    assert cache.active_runs("default", "hello") == 0


def test_the_last_run_that_named_a_revision_wakes_its_definition_though_that_is_gone(
    cache: Cache, bells: Bells
) -> None:
    runs = [replace(run(name), status=JobRunStatus(revision="hello-abcdefghij")) for name in ("r", "s")]
    put(cache, *runs)
    cache.on_revision(None, RevisionView(meta("hello-abcdefghij"), "hello", 1))
    bells.later.clear()
    drop(cache, runs[0])
    assert bells.later == []
    drop(cache, runs[1])
    assert bells.later == [definition_key("default", "hello")]


def test_only_definitions_that_exist_are_told_of_their_runs(cache: Cache, bells: Bells) -> None:
    put(cache, run("root"))
    assert bells.later == []
    cache.on_definition(None, Malformed(meta("hello"), "no spec"))
    put(cache, run("other"))
    assert bells.later == [definition_key("default", "hello")]


def test_runs_that_claim_to_be_each_others_parents_stop_nothing(cache: Cache) -> None:
    first, second = run("a", parent="b"), run("b", parent="a")
    put(cache, first, second)
    assert cache.family.root(first) is None
    assert cache.family.depth(first) > 16


# --- incremental = recomputed ---

NAMES = ["r", "s", "r-0", "r-1", "r-2", "r-0-0"]
PARENTS = {"r-0": ("r", 0), "r-1": ("r", 1), "r-2": ("r", 2), "r-0-0": ("r-0", 0)}
LOCK = Lock("k", 1, "Queue")

changes = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(
            ["put", "admit", "pin", "finish", "record", "suspend", "anew", "drop", "pod", "end pod", "drop pod"]
        ),
        st.integers(0, 2),
    ),
    max_size=40,
)


class Model:
    """What exists, as a listing would give it, and a cache that heard of it event by event."""

    def __init__(self) -> None:
        self.cache = Bells().cache()
        self.runs: dict[str, RunView] = {}
        self.pods: dict[str, PodView] = {}
        self.known: set[str] = set()  # names that were used: a uid never comes again
        self.version = 0

    def change(self, name: str, what: str, number: int) -> None:
        self.version += 1
        if what in {"pod", "end pod", "drop pod"}:
            self._change_pod(name, what, number)
        elif what == "drop":
            view = self.runs.pop(name, None)
            if view is not None:
                drop(self.cache, view)
        else:
            self._put(name, what, number)
        for one in self.cache.admission.unknown("default"):
            self.cache.admission.learn(one, LOCK)

    def _put(self, name: str, what: str, number: int) -> None:
        parent, index = PARENTS.get(name, (None, None))
        view = self.runs.get(name)
        if view is None or what == "anew":
            uid = f"uid-{name}-anew-{self.version}" if name in self.known else f"uid-{name}"
            self.known.add(name)
            view = run(name, parent=parent, root=name.partition("-")[0], index=index, uid=uid)
            if parent in self.runs and view.spec.parent_ref is not None:
                ref = view.spec.parent_ref.model_copy(update={"uid": self.runs[parent].meta.uid})
                view = replace(view, spec=view.spec.model_copy(update={"parent_ref": ref}))
        if what == "admit":
            view = admitted(view)
        elif what == "pin":
            view = replace(view, status=replace(view.status, revision=f"hello-{number}"))
        elif what == "finish":
            view = finished(view, RunPhase.FAILED)
        elif what == "suspend":
            view = replace(view, spec=view.spec.model_copy(update={"suspend": number == 0}))
        elif what == "record":
            before = view.status.tasks[0].items if view.status.tasks else None
            last = max(number, int(before.completed_indexes[-1]) if before else 0)  # what is recorded stays
            items = ItemsStatus(total=3, completed_indexes=f"0-{last}" if last else "0")
            row = TaskStatus(name="each", phase=TaskPhase.RUNNING, items=items)
            view = replace(view, status=replace(view.status, tasks=(row,)))
        view = replace(view, meta=replace(view.meta, resource_version=str(self.version)))
        self.runs[name] = view
        put(self.cache, view)

    def _change_pod(self, name: str, what: str, number: int) -> None:
        label, old = f"{name}-{number}", self.pods.get(f"{name}-{number}")
        if what == "drop pod":
            if self.pods.pop(label, None) is not None:
                self.cache.on_pod(old, None)
            return
        phase = "Succeeded" if what == "end pod" else "Running"
        new = replace(pod(label, run=name, attempt=number + 1, version=self.version), phase=phase, lock=LOCK.label)
        self.pods[label] = new
        self.cache.on_pod(old, new)

    def rebuilt(self) -> Cache:
        cache = Bells().cache()
        put(cache, *sorted(self.runs.values(), key=lambda one: one.meta.name, reverse=True))
        for one in self.pods.values():
            cache.on_pod(None, one)
        for waiting in cache.admission.unknown("default"):
            cache.admission.learn(waiting, LOCK)
        return cache


def facts(cache: Cache) -> dict[str, Any]:
    """Return all that anybody can ask a cache."""
    found: dict[str, Any] = {"active": cache.active_runs("default", "hello"), "orphans": set(cache.find_orphans())}
    found["named"] = dict(cache.revisions.named("default"))
    probe = run("probe")
    state = cache.admission.state(probe, LOCK)
    found["lock"] = (
        {one.meta.name for one in state.holders},
        [one.meta.name for one in state.waiters],
        state.orphans,
        state.max_active,
    )
    for view in cache.family.all():
        children = cache.family.children(view.meta.uid)
        pods = cache.pods.of(view.meta.uid)
        root = cache.family.root(view)
        found[view.meta.name] = {
            "children": sorted((one.meta.name, one.meta.uid, one.status.finished) for one in children.all("each")),
            "unrecorded": list(children.unrecorded("each")),
            "live": children.live,
            "root": None if root is None else root.meta.uid,
            "depth": cache.family.depth(view),
            "tree": sorted(cache.family.live_below(view)) if view.is_root else None,
            "pods": [(one.pod.meta.name, one.pod.phase) for one in pods.by_task.get("do", ())],
        }
    return found


@given(changes)
def test_indexes_kept_event_by_event_are_those_of_a_listing(steps: list[tuple[str, str, int]]) -> None:
    model = Model()
    for step in steps:
        model.change(*step)
    assert facts(model.cache) == facts(model.rebuilt())


def test_keys_name_their_subject() -> None:
    assert str(run_key("ns", "a")) == "run ns/a"
