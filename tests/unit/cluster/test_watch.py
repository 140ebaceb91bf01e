import asyncio
from collections.abc import AsyncIterator

import pytest

from brood.cluster.local.history import WINDOW
from brood.cluster.local.store import ObjectStore
from brood.cluster.port import Expired, Kind, WatchEvent
from tests.manifests import pod, run

NS = "default"


async def take(stream: AsyncIterator[WatchEvent], count: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            event = await anext(stream)
            found.append((event.type, event.object["metadata"].get("name", "")))
    return found


async def test_a_watch_shows_every_change_after_its_version_in_order() -> None:
    store = ObjectStore()
    before = store.create(Kind.POD, pod("a"))
    uid = store.create(Kind.POD, pod("b"))["metadata"]["uid"]
    stream = store.watch(Kind.POD, resource_version=before["metadata"]["resourceVersion"])
    store.patch(Kind.POD, NS, "a", {"metadata": {"labels": {"x": "y"}}})
    store.delete(Kind.POD, NS, "b", uid=uid)
    assert await take(stream, 3) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


async def test_a_listing_and_a_watch_from_it_leave_no_gap() -> None:
    store = ObjectStore()
    store.create(Kind.POD, pod("a"))
    listing = store.list(Kind.POD)
    store.create(Kind.POD, pod("b"))
    stream = store.watch(Kind.POD, resource_version=listing.resource_version)
    assert [one["metadata"]["name"] for one in listing.items] == ["a"]
    assert await take(stream, 1) == [("ADDED", "b")]


async def test_a_watcher_that_waits_is_woken_and_all_see_the_same_object() -> None:
    store = ObjectStore()
    streams = [store.watch(Kind.POD, resource_version="0") for _ in range(3)]
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await asyncio.sleep(0)
    made = store.create(Kind.POD, pod())
    events = await asyncio.gather(*waiting)
    assert all(event.object is made for event in events)  # shared: nothing is copied per watcher


async def test_with_a_selector_objects_come_and_go_as_their_labels_change() -> None:
    store = ObjectStore()
    stream = store.watch(Kind.JOB_RUN, resource_version="0", labels="shade=dark", namespace=NS)
    store.create(Kind.JOB_RUN, run("elsewhere", meta={"namespace": "other", "labels": {"shade": "dark"}}))
    uid = store.create(Kind.JOB_RUN, run("a"))["metadata"]["uid"]
    for shade in ("dark", "dark", "light", "dark"):
        store.patch(
            Kind.JOB_RUN, NS, "a", {"metadata": {"labels": {"shade": shade}}, "spec": {"suspend": shade == "dark"}}
        )
    store.patch(Kind.JOB_RUN, NS, "a", {"spec": {"priority": 3}})
    store.delete(Kind.JOB_RUN, NS, "a", uid=uid)
    kinds = [kind for kind, _ in await take(stream, 5)]
    assert kinds == ["ADDED", "DELETED", "ADDED", "MODIFIED", "DELETED"]


async def test_a_deletion_carries_a_version_of_its_own() -> None:
    store = ObjectStore()
    made = store.create(Kind.POD, pod())
    store.delete(Kind.POD, NS, "pod-1", uid=made["metadata"]["uid"])
    stream = store.watch(Kind.POD, resource_version=made["metadata"]["resourceVersion"])
    gone = await anext(stream)
    assert gone.type == "DELETED"
    assert int(gone.object["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


async def test_a_version_beyond_the_window_is_expired() -> None:
    store = ObjectStore()
    store.create(Kind.POD, pod())
    for number in range(3 * WINDOW):
        store.patch(Kind.POD, NS, "pod-1", {"metadata": {"labels": {"n": str(number)}}})
    with pytest.raises(Expired, match="too old"):
        await anext(store.watch(Kind.POD, resource_version="1"))
    recent = str(store.version - WINDOW)
    assert len(await take(store.watch(Kind.POD, resource_version=recent), WINDOW)) == WINDOW


async def test_a_watcher_that_lags_behind_the_window_is_expired() -> None:
    store = ObjectStore()
    store.create(Kind.POD, pod())
    stream = store.watch(Kind.POD, resource_version="0")
    await anext(stream)
    for number in range(3 * WINDOW):
        store.patch(Kind.POD, NS, "pod-1", {"metadata": {"labels": {"n": str(number)}}})
    with pytest.raises(Expired):
        await anext(stream)


async def test_bookmarks_carry_a_narrow_watch_past_what_it_does_not_see() -> None:
    store = ObjectStore()
    stream = store.watch(Kind.POD, resource_version="0", labels="never")
    store.create(Kind.POD, pod())
    for number in range(WINDOW):
        store.patch(Kind.POD, NS, "pod-1", {"metadata": {"labels": {"n": str(number)}}})
    event = await anext(stream)
    assert event.type == "BOOKMARK"
    assert int(event.object["metadata"]["resourceVersion"]) > 100


async def test_closing_the_store_ends_the_streams() -> None:
    store = ObjectStore()
    stream = store.watch(Kind.POD, resource_version="0")
    waiting = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(0)
    store.close()
    assert await waiting is None
