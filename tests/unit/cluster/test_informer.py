import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Self, Unpack, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brood.cluster.informer import Informer, Pause, is_newer
from brood.cluster.local.store import ObjectStore
from brood.cluster.parse import parse_meta
from brood.cluster.port import (
    ApiError,
    Expired,
    Kind,
    Listing,
    Manifest,
    Port,
    Scope,
    TooManyRequests,
    Unavailable,
    WatchEvent,
)
from brood.views import Meta
from tests.manifests import config_map, pod

NS = "default"
KIND = Kind.CONFIG_MAP


@dataclass(frozen=True, slots=True)
class View:
    meta: Meta
    data: str


def parse(manifest: Manifest) -> View:
    return View(parse_meta(manifest), (manifest.get("data") or {}).get("x", ""))


class Mirror:
    """Follows an informer by its calls alone, and refuses calls that contradict each other."""

    def __init__(self) -> None:
        self.views: dict[str, View] = {}
        self.calls: list[tuple[str, str]] = []

    def __call__(self, old: View | None, new: View | None) -> None:
        either = new or old
        assert either is not None
        name = either.meta.name
        assert self.views.get(name) is old
        if old is not None and new is not None:
            assert old.meta.uid == new.meta.uid
            assert int(old.meta.resource_version) < int(new.meta.resource_version)
        self.calls.append((name, "gone" if new is None else "new" if old is None else "changed"))
        if new is None:
            del self.views[name]
        else:
            self.views[name] = new


class ScriptedPort:
    """A port over a store whose streams do what a test says; without words it works."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.lists = 0
        self.watches: list[str] = []
        self.list_errors: list[Exception] = []
        self.streams: list[Callable[[int], AsyncIterator[WatchEvent]]] = []

    async def pages(self, kind: Kind, **scope: Unpack[Scope]) -> AsyncIterator[Listing]:
        self.lists += 1
        if self.list_errors:
            raise self.list_errors.pop(0)
        for page in self.store.pages(kind, **scope):
            yield page

    def watch(self, kind: Kind, *, resource_version: str, **scope: Unpack[Scope]) -> AsyncIterator[WatchEvent]:
        self.watches.append(resource_version)
        if self.streams:
            return self.streams.pop(0)(int(resource_version))
        return self.store.watch(kind, resource_version=resource_version, **scope)


class Failing:
    """A stream that ends with an error, once the gate is open."""

    def __init__(self, error: Exception, gate: asyncio.Event | None = None) -> None:
        self._error = error
        self._gate = gate

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchEvent:
        if self._gate is not None:
            await self._gate.wait()
        raise self._error


async def turns(until: Callable[[], object]) -> None:
    """Let the loop turn until a check holds."""
    for _ in range(10_000):
        if until():
            return
        await asyncio.sleep(0)
    raise AssertionError("it does not happen")


class Naps:
    """A sleep that takes no time and keeps account."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


class Bench:
    """An informer that runs over a scripted port."""

    def __init__(self, **options: Any) -> None:
        self.store = ObjectStore()
        self.port = ScriptedPort(self.store)
        self.mirror = Mirror()
        self.naps = Naps()
        self.informer = Informer(
            cast("Port", self.port),
            options.pop("kind", KIND),
            parse=parse,
            on_change=self.mirror,
            pause=Pause(sleep=self.naps, jitter=lambda: 0.0),
            **options,
        )

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.informer.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self.task.done(), "the informer has ended"
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def write(self, name: str, text: str) -> Manifest:
        if (NS, name) in self.store._shelves[KIND]:
            return self.store.patch(KIND, NS, name, {"data": {"x": text}})
        return self.store.create(KIND, config_map(name, data={"x": text}))

    def delete(self, name: str) -> None:
        self.store.delete(KIND, NS, name, uid=self.store.get(KIND, NS, name)["metadata"]["uid"])

    async def settled(self) -> None:
        """Wait until the views are those of the store."""
        await turns(lambda: self.held() == self.stored())
        assert self.held() == {name: view.meta.resource_version for name, view in self.mirror.views.items()}

    def held(self) -> dict[str, str]:
        return {view.meta.name: view.meta.resource_version for view in self.informer}

    def stored(self) -> dict[str, str]:
        return {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in self.store.list(KIND).items}


async def test_it_lists_then_follows() -> None:
    bench = Bench()
    bench.write("a", "1")
    async with bench:
        await bench.informer.synced.wait()
        assert bench.mirror.calls == [("a", "new")]
        bench.write("a", "2")
        bench.write("b", "1")
        bench.delete("a")
        await bench.settled()
    assert bench.mirror.calls[1:] == [("a", "changed"), ("b", "new"), ("a", "gone")]
    assert bench.port.lists == 1
    view = bench.informer.get(NS, "b")
    assert view is not None
    assert view.data == "1"


async def test_what_was_deleted_in_a_gap_is_seen_after_a_relist() -> None:
    bench = Bench()
    bench.write("a", "1")
    bench.write("b", "1")
    gate = asyncio.Event()

    bench.port.streams = [lambda _: Failing(Expired("too old"), gate)]
    async with bench:
        await bench.informer.synced.wait()
        bench.delete("a")
        bench.write("b", "2")
        gate.set()
        await bench.settled()
    assert bench.mirror.calls == [("a", "new"), ("b", "new"), ("b", "changed"), ("a", "gone")]
    assert bench.naps.seconds == []  # one that is too old is listed again at once


async def test_an_object_made_anew_under_its_name_is_told_as_gone_and_new() -> None:
    bench = Bench()
    bench.write("a", "1")
    gate = asyncio.Event()

    bench.port.streams = [lambda _: Failing(Expired("too old"), gate)]
    async with bench:
        await bench.informer.synced.wait()
        bench.delete("a")
        bench.write("a", "other")
        gate.set()
        await bench.settled()
    assert bench.mirror.calls == [("a", "new"), ("a", "gone"), ("a", "new")]


async def test_a_broken_stream_is_resumed_where_it_broke() -> None:
    bench = Bench()
    bench.write("a", "1")

    async def breaks(after: int) -> AsyncIterator[WatchEvent]:
        bench.write("a", "2")
        async for event in bench.store.watch(KIND, resource_version=str(after)):
            yield event
            raise Unavailable("connection reset")

    bench.port.streams = [breaks]
    async with bench:
        await bench.settled()
        await asyncio.sleep(0)
        bench.write("b", "1")
        await bench.settled()
    assert bench.port.lists == 1
    assert bench.port.watches == ["1", "2"]


async def test_bookmarks_move_the_place_to_resume_from() -> None:
    bench = Bench()

    async def bookmark(_: int) -> AsyncIterator[WatchEvent]:
        yield WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": "77"}})

    bench.port.streams = [bookmark]
    async with bench:
        await turns(lambda: len(bench.port.watches) == 2)
    assert bench.port.watches == ["0", "77"]


async def test_errors_back_off_doubling_up_to_half_a_minute_and_never_end_it() -> None:
    bench = Bench()
    bench.port.list_errors = [
        Unavailable("503"),
        ApiError("?"),
        OSError("no route"),
        *[Unavailable("x") for _ in range(9)],
    ]
    async with bench:
        await bench.informer.synced.wait()
    assert bench.naps.seconds[:8] == [0.125, 0.25, 0.5, 1.0, 2.0, 2.5, 2.5, 2.5]
    assert bench.naps.seconds[-1] == 2.5


async def test_the_server_s_own_wish_to_wait_is_respected() -> None:
    bench = Bench()
    bench.port.list_errors = [TooManyRequests("slow down", retry_after=7.0)]
    async with bench:
        await bench.informer.synced.wait()
    assert bench.naps.seconds == [7.0]


async def test_an_event_ends_the_row_of_failures() -> None:
    bench = Bench()
    bench.write("a", "1")

    async def one_event(after: int) -> AsyncIterator[WatchEvent]:
        bench.write("a", "2")
        async for event in bench.store.watch(KIND, resource_version=str(after)):
            yield event
            raise Unavailable("reset")

    bench.port.streams = [lambda _: Failing(Unavailable("1")), lambda _: Failing(Unavailable("2")), one_event]
    async with bench:
        await turns(lambda: len(bench.naps.seconds) == 3)
    assert bench.naps.seconds == [0.125, 0.25, 0.125]


async def test_a_server_that_ends_every_stream_at_once_is_not_hammered() -> None:
    bench = Bench()

    async def nothing(_: int) -> AsyncIterator[WatchEvent]:
        return
        yield

    bench.port.streams = [nothing] * 4
    async with bench:
        await turns(lambda: len(bench.port.watches) == 5)
    assert bench.naps.seconds == [0.125, 0.25, 0.5, 1.0]


async def test_a_version_that_is_always_too_old_backs_off_too() -> None:
    bench = Bench()
    bench.port.streams = [lambda _: Failing(Expired("x"))] * 4
    async with bench:
        await turns(lambda: len(bench.port.watches) == 5)
    assert (bench.port.lists, len(bench.naps.seconds)) == (5, 3)


async def test_a_version_that_is_too_old_after_an_outage_is_listed_again_at_once() -> None:
    bench = Bench()
    bench.port.streams = [lambda _: Failing(Unavailable("down"))] * 3 + [lambda _: Failing(Expired("too old"))]
    async with bench:
        await turns(lambda: len(bench.port.watches) == 5)
    assert (bench.port.lists, bench.naps.seconds) == (2, [0.125, 0.25, 0.5])


async def test_an_error_in_a_callback_does_not_end_it() -> None:
    bench = Bench()

    def broken(_old: View | None, _new: View | None) -> None:
        raise RuntimeError("a bug elsewhere")

    bench.informer._on_change = broken
    bench.write("a", "1")
    async with bench:
        await bench.informer.synced.wait()
        assert bench.informer.get(NS, "a") is not None


class TestPut:
    async def test_our_own_write_is_seen_at_once_and_not_told_twice(self) -> None:
        bench = Bench()
        async with bench:
            await bench.informer.synced.wait()
            bench.informer.put(parse(bench.write("a", "1")))
            assert bench.mirror.calls == [("a", "new")]
            await bench.settled()
            for _ in range(10):
                await asyncio.sleep(0)
        assert bench.mirror.calls == [("a", "new")]

    async def test_an_older_answer_does_not_go_back(self) -> None:
        bench = Bench()
        async with bench:
            await bench.informer.synced.wait()
            old = parse(bench.write("a", "1"))
            bench.write("a", "2")
            await bench.settled()
            bench.informer.put(old)
            view = bench.informer.get(NS, "a")
            assert view is not None
            assert view.data == "2"

    async def test_the_answer_to_a_write_does_not_bring_back_what_is_gone(self) -> None:
        bench = Bench()
        async with bench:
            await bench.informer.synced.wait()
            old = parse(bench.write("a", "1"))
            bench.delete("a")
            bench.write("b", "1")
            await bench.settled()
            bench.informer.put(old)
            assert bench.informer.get(NS, "a") is None

    async def test_a_listing_made_before_our_write_does_not_remove_it(self) -> None:
        bench = Bench()
        bench.write("other", "1")

        async def pages(*_: object, **__: object) -> AsyncIterator[Listing]:
            listing = bench.store.list(KIND)
            bench.informer.put(parse(bench.write("a", "1")))
            yield listing

        bench.port.pages = pages  # type: ignore[method-assign]
        async with bench:
            await bench.settled()
            assert ("a", "gone") not in bench.mirror.calls


class TestLateEvents:
    """Of one stream: 2 is the object, 3 a change, 4 its deletion; 5 and 6 another of that name and its change."""

    async def held_after(self, *order: int) -> dict[str, str]:
        bench = Bench()
        bench.write("first", "x")
        events: dict[int, WatchEvent] = {}

        async def scripted(_: int) -> AsyncIterator[WatchEvent]:
            bench.write("a", "1")
            bench.write("a", "2")
            bench.delete("a")
            bench.write("a", "3")
            bench.write("a", "4")
            events.update((change.version, change.event) for change in bench.store._histories[KIND]._changes)
            for version in order:
                yield events[version]
            done.set()
            await asyncio.Event().wait()

        done = asyncio.Event()
        bench.port.streams = [scripted]
        async with bench, asyncio.timeout(5):
            await done.wait()
        held = bench.held()
        assert held.pop("first") == "1"
        return held

    async def test_an_older_version_does_not_replace_a_newer_one(self) -> None:
        assert await self.held_after(2, 3, 2) == {"a": "3"}

    async def test_what_was_deleted_is_not_raised(self) -> None:
        assert await self.held_after(2, 4, 3, 2) == {}

    async def test_a_deletion_that_overtook_its_object_counts(self) -> None:
        assert await self.held_after(4, 2) == {}

    async def test_the_deletion_of_one_does_not_remove_another_of_its_name(self) -> None:
        assert await self.held_after(2, 6, 4, 5) == {"a": "6"}


async def test_labels_and_namespace_narrow_it() -> None:
    bench = Bench(labels="brood.dev/run", namespace=NS, kind=Kind.POD)
    bench.store.create(Kind.POD, pod("a", meta={"labels": {"brood.dev/run": "x"}}))
    bench.store.create(Kind.POD, pod("b"))
    bench.store.create(Kind.POD, pod("c", meta={"namespace": "other", "labels": {"brood.dev/run": "x"}}))
    async with bench:
        await bench.informer.synced.wait()
        bench.store.patch(Kind.POD, NS, "b", {"metadata": {"labels": {"brood.dev/run": "y"}}})
        await turns(lambda: len(bench.informer) == 2)
    assert {view.meta.name for view in bench.informer} == {"a", "b"}


# --- Whatever happens to the events, the views end as the store is ---

operations = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["write", "write", "delete", "put-late"])),
    min_size=1,
    max_size=40,
)
portions = st.lists(
    st.tuples(
        st.integers(1, 8),  # events of this portion
        st.integers(0, 1000),  # seed of their order
        st.integers(0, 3),  # so many of them twice, and so many old ones again
        st.sampled_from(["on", "on", "break", "end", "expired"]),
    ),
    max_size=12,
)


class Chaos:
    """Streams that bring a portion of events out of order and twice, old ones again, and break."""

    def __init__(self, bench: Bench, plan: list[tuple[int, int, int, str]]) -> None:
        self.events: list[tuple[int, WatchEvent]] = []
        self._bench = bench
        self._plan = plan
        self.over = asyncio.Event()  # nothing more will happen
        self.quiet = asyncio.Event()  # and all of it was brought

    async def stream(self, after: int) -> AsyncIterator[WatchEvent]:
        position = sum(version <= after for version, _ in self.events)
        while self._plan:
            size, seed, doubled, then = self._plan.pop(0)
            await turns(lambda: len(self.events) >= position + size or self.over.is_set())  # noqa: B023 - awaited here
            portion = [event for _, event in self.events[position : position + size]]
            chance = random.Random(seed)  # noqa: S311 - a plan, no secret
            known = [event for _, event in self.events[: position + size]]
            portion += chance.choices(known, k=doubled) if known else []
            chance.shuffle(portion)
            for event in portion:
                yield event
            position = min(position + size, len(self.events))
            if then == "break":
                raise Unavailable("reset")
            if then == "end":
                return
            if then == "expired":
                raise Expired("too old")
            await asyncio.sleep(0)
        await self.over.wait()
        for _, event in self.events[position:]:
            yield event
        self.quiet.set()
        await asyncio.Event().wait()


@settings(max_examples=300)
@given(operations, portions, st.integers(0, 12))
def test_late_doubled_reordered_and_lost_events_end_at_the_same_views(
    steps: list[tuple[str, str]], plan: list[tuple[int, int, int, str]], started_after: int
) -> None:
    async def scenario() -> None:
        bench = Bench()
        chaos = Chaos(bench, plan)
        bench.port.watch = lambda *_, resource_version, **__: chaos.stream(int(resource_version))  # type: ignore[method-assign]
        late: list[View] = []
        for number, (name, what) in enumerate(steps):
            if number == started_after:
                bench.task = asyncio.create_task(bench.informer.run())
                await bench.informer.synced.wait()
            there = name in bench.stored()
            if what == "delete" and there:
                bench.delete(name)
            elif what != "delete":
                made = parse(bench.write(name, str(number)))
                if what == "put-late":
                    late.append(made)
            chaos.events = [(change.version, change.event) for change in bench.store._histories[KIND]._changes]
            if late and number % 3 == 0:
                bench.informer.put(late.pop(0))
            await asyncio.sleep(0)
        chaos.over.set()
        if started_after >= len(steps):
            bench.task = asyncio.create_task(bench.informer.run())
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
            await chaos.quiet.wait()
        for view in late:
            bench.informer.put(view)
        await bench.__aexit__()
        assert bench.held() == bench.stored()
        assert {name: view.meta.resource_version for name, view in bench.mirror.views.items()} == bench.stored()

    asyncio.run(scenario())


async def test_a_hundred_thousand_objects_come_in_pages() -> None:
    bench = Bench()
    for number in range(1200):
        bench.write(f"m-{number}", "x")
    sizes: list[int] = []
    pages = bench.port.pages

    async def counted(*args: Any, **options: Any) -> AsyncIterator[Listing]:
        async for page in pages(*args, **options):
            sizes.append(len(page.items))
            yield page

    bench.port.pages = counted  # type: ignore[method-assign]
    async with bench:
        await bench.informer.synced.wait()
    assert len(bench.informer) == 1200
    assert max(sizes) <= 500


@pytest.mark.parametrize(
    ("one", "other", "newer"), [("10", "9", True), ("9", "10", False), ("9", "9", False), ("b", "a", True)]
)
def test_versions_are_compared_as_numbers_where_they_are_some(one: str, other: str, *, newer: bool) -> None:
    assert is_newer(one, than=other) is newer
