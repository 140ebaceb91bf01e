import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from brood.cluster.local.store import ObjectStore
from brood.cluster.port import Kind, Manifest
from tests.manifests import owned_by, pod, run

NS = "default"


def collected(store: ObjectStore) -> ObjectStore:
    while store.collect():
        pass
    return store


def names(store: ObjectStore, kind: Kind) -> set[str]:
    return {one["metadata"]["name"] for one in store.list(kind).items}


def delete(store: ObjectStore, kind: Kind, manifest: Manifest) -> None:
    store.delete(kind, NS, manifest["metadata"]["name"], uid=manifest["metadata"]["uid"])


def test_a_whole_tree_goes_with_its_root() -> None:
    store = ObjectStore()
    root = store.create(Kind.JOB_RUN, run("root"))
    child = store.create(Kind.JOB_RUN, run("child", meta=owned_by(root)))
    store.create(Kind.POD, pod("of-root", meta=owned_by(root)))
    store.create(Kind.POD, pod("of-child", meta=owned_by(child)))
    store.create(Kind.POD, pod("of-nobody"))
    delete(store, Kind.JOB_RUN, root)
    collected(store)
    assert names(store, Kind.JOB_RUN) == set()
    assert names(store, Kind.POD) == {"of-nobody"}


def test_a_finalizer_holds_a_child_and_not_its_siblings() -> None:
    store = ObjectStore()
    root = store.create(Kind.JOB_RUN, run("root"))
    store.create(Kind.POD, pod("held", meta={**owned_by(root), "finalizers": ["brood.dev/result"]}))
    store.create(Kind.POD, pod("free", meta=owned_by(root)))
    delete(store, Kind.JOB_RUN, root)
    collected(store)
    assert names(store, Kind.POD) == {"held"}
    assert "deletionTimestamp" in store.get(Kind.POD, NS, "held")["metadata"]


def test_children_stay_while_their_owner_is_held_by_a_finalizer() -> None:
    store = ObjectStore()
    root = store.create(Kind.JOB_RUN, run("root", meta={"finalizers": ["a.b/c"]}))
    store.create(Kind.POD, pod("child", meta=owned_by(root)))
    delete(store, Kind.JOB_RUN, root)
    assert names(collected(store), Kind.POD) == {"child"}
    store.patch(Kind.JOB_RUN, NS, "root", {"metadata": {"finalizers": None}})
    assert names(collected(store), Kind.POD) == set()


def test_what_is_made_for_an_owner_that_is_gone_goes_too() -> None:
    store = ObjectStore()
    root = store.create(Kind.JOB_RUN, run("root"))
    delete(store, Kind.JOB_RUN, root)
    store.create(Kind.JOB_RUN, run("root"))  # of the same name, but another
    store.create(Kind.POD, pod("late", meta=owned_by(root)))
    assert names(collected(store), Kind.POD) == set()


def test_one_living_owner_is_enough() -> None:
    store = ObjectStore()
    one, two = (store.create(Kind.JOB_RUN, run(name)) for name in ("one", "two"))
    store.create(Kind.POD, pod("shared", meta=owned_by(one, two)))
    delete(store, Kind.JOB_RUN, one)
    assert names(collected(store), Kind.POD) == {"shared"}
    delete(store, Kind.JOB_RUN, two)
    assert names(collected(store), Kind.POD) == set()


async def test_in_a_loop_it_happens_by_itself_and_in_the_background() -> None:
    store = ObjectStore()
    root = store.create(Kind.JOB_RUN, run("root"))
    for number in range(1000):
        store.create(Kind.POD, pod(f"pod-{number}", meta=owned_by(root)))
    delete(store, Kind.JOB_RUN, root)
    assert store.count(Kind.POD) == 1000
    turns = 0
    while store.count(Kind.POD):
        await asyncio.sleep(0)
        turns += 1
    assert 5 <= turns <= 50  # in portions


@given(
    st.lists(st.tuples(st.sets(st.integers(0, 11), max_size=2), st.booleans()), min_size=1, max_size=12),
    st.lists(st.integers(0, 11), max_size=12),
)
def test_what_remains_is_what_has_no_owner_or_a_living_one(
    made: list[tuple[set[int], bool]], deleted: list[int]
) -> None:
    """Any graph of owners (each made after its owners), any order of deletions: compared with a fixed point."""
    store = ObjectStore()
    objects: list[Manifest] = []
    owners_of: dict[int, set[int]] = {}
    for number, (wanted, _) in enumerate(made):
        owners = {one for one in wanted if one < number}
        meta: dict[str, Any] = owned_by(*(objects[one] for one in sorted(owners))) if owners else {}
        objects.append(store.create(Kind.JOB_RUN, run(f"run-{number}", meta=meta)))
        owners_of[number] = owners
    gone: set[int] = set()
    for number in deleted:
        if number < len(objects) and f"run-{number}" in names(store, Kind.JOB_RUN):
            delete(store, Kind.JOB_RUN, objects[number])
            gone.add(number)
            collected(store)
    while True:
        more = {n for n, owners in owners_of.items() if n not in gone and owners and owners <= gone}
        if not more:
            break
        gone |= more
    assert names(store, Kind.JOB_RUN) == {f"run-{number}" for number in owners_of if number not in gone}
