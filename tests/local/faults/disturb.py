"""Faults by a seed: of the API server, of watches, of nodes, of operators, and of people who delete what is not theirs.

How many there are is limited, so that every life ends; what they are, and when, depends on the seed alone.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Unpack

from brood.cluster.port import (
    ApiError,
    Conflict,
    Expired,
    Kind,
    Listing,
    Manifest,
    NotFound,
    Scope,
    TooManyRequests,
    Unavailable,
    WatchEvent,
)
from tests.local.faults.play import Life, Process
from tests.local.faults.watched import finished, live
from tests.unit.controller.faults import Verdict, Write

LOST_PODS = 3
"""Of one life; as many as `infraRetries` of a task forgives, should they all be its own."""


@dataclass
class Faults:
    """What goes wrong in one life."""

    seed: int
    rough: bool  # children are deleted by hand too: what comes of the runs is not what it would have been
    draw: random.Random = field(init=False)
    left: int = field(init=False)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)  # noqa: S311 - repeats itself by intent
        self.left = self.draw.randint(5, 60)
        self._often = self.draw.choice((0.03, 0.1, 0.3))

    def strikes(self, what: str) -> bool:
        """Whether something goes wrong now."""
        if self.left <= 0 or self.draw.random() >= self._often:
            return False
        self.left -= 1
        self.told.append(f"{asyncio.get_running_loop().time():.3f} {what}")
        return True

    def answer(self) -> ApiError:
        """Return what a server says that cannot answer now."""
        if self.draw.random() < 0.3:
            return TooManyRequests("slow down", retry_after=self.draw.choice((0.5, 2.0)))
        return Unavailable("the connection broke")


class Disturbed(Process):
    """A cluster behind an API server and a network that fail by a seed."""

    def __init__(self, life: Life, faults: Faults) -> None:
        self._faults = faults
        self._store = life.store
        super().__init__(life.cluster, life.node, self._judge, pause=self._hang)

    async def _hang(self, write: Write) -> None:
        if self._faults.strikes(f"hang {write.verb} {write.name}"):
            await asyncio.sleep(self._faults.draw.uniform(0.1, 8.0))

    def _judge(self, write: Write) -> Verdict:
        faults = self._faults
        if not faults.strikes(f"write {write.verb} {write.kind} {write.name}"):
            return "pass"
        choices: list[Verdict] = ["refuse", "lose answer", "lose answer", faults.answer()]
        if write.verb != "create":
            choices.append(Conflict("the object has been modified"))
        verdict = faults.draw.choice(choices)
        faults.told[-1] += f": {verdict!r}"
        return verdict

    async def _read(self, what: str) -> None:
        if self._faults.strikes(f"read {what}"):
            if self._faults.draw.random() < 0.5:
                await asyncio.sleep(self._faults.draw.uniform(0.1, 8.0))
            else:
                raise self._faults.answer()

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest:
        await self._read(f"get {kind} {name}")
        return await super().get(kind, namespace, name)

    async def list(self, kind: Kind, **scope: Unpack[Scope]) -> Listing:
        await self._read(f"list {kind}")
        return await super().list(kind, **scope)

    async def pages(self, kind: Kind, **scope: Unpack[Scope]) -> AsyncIterator[Listing]:
        await self._read(f"pages {kind}")
        async for page in super().pages(kind, **scope):
            yield page

    async def read_log(self, namespace: str, pod: str, *, tail_lines: int | None = None, limit_bytes: int) -> bytes:
        await self._read(f"log {pod}")
        return await super().read_log(namespace, pod, tail_lines=tail_lines, limit_bytes=limit_bytes)

    async def watch(self, kind: Kind, *, resource_version: str, **scope: Unpack[Scope]) -> AsyncIterator[WatchEvent]:
        """Yield changes late, twice, in another order; or lose some, and say that it is too late to hear of them."""
        await self._read(f"watch {kind}")
        stream = super().watch(kind, resource_version=resource_version, **scope)
        held: list[WatchEvent] = []
        async for event in _closing(stream):
            if not self._faults.strikes(f"event {event.type} {kind} {event.object['metadata'].get('name')}"):
                for one in (event, *held):
                    yield one
                held.clear()
                continue
            what = self._faults.draw.choice(("late", "twice", "hold", "drop", "cut", "expire"))
            self._faults.told[-1] += f": {what}"
            if what == "hold" and len(held) < 5 and event.type != "DELETED":  # there may be nothing left to touch
                held.append(event)  # until the next one has come: then in the other order
                held.reverse()
                self._flush_later()
                continue
            if what == "late":
                await asyncio.sleep(self._faults.draw.uniform(0.1, 5.0))
            if what in ("drop", "expire", "cut"):
                for one in held:
                    yield one
                await asyncio.sleep(self._faults.draw.uniform(0.0, 5.0))
                if what == "cut":
                    raise Unavailable("the stream broke")
                if what == "expire":
                    self._store.expire(kind)
                raise Expired("too old resource version")
            for one in (event, *held, event) if what == "twice" else (event, *held):
                yield one
            held.clear()

    def _flush_later(self) -> None:
        """See that another event of every kind comes: one that is held back must not be the last."""
        asyncio.get_running_loop().call_later(self._faults.draw.uniform(0.5, 3.0), _touch_all, self._store)


def _touch_all(store: Any) -> None:
    for kind in (Kind.JOB_RUN, Kind.POD, Kind.JOB_DEFINITION, Kind.CLAIM):
        for one in store.list(kind).items[:1]:
            meta = one["metadata"]
            noted = {"metadata": {"annotations": {"example.com/touched": meta["resourceVersion"]}}}
            store.patch(kind, meta["namespace"], meta["name"], noted)


async def _closing(stream: AsyncIterator[WatchEvent]) -> AsyncGenerator[WatchEvent, None]:
    try:
        async for one in stream:
            yield one
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


async def havoc(life: Life, faults: Faults) -> None:
    """Kill operators and Pods, and delete children, a few times."""
    draw = faults.draw
    if faults.rough:
        life.patience = 4000  # what users wait for may never come
    for _ in range(draw.randint(0, LOST_PODS)):
        await asyncio.sleep(draw.choice((0.05, 0.7, 2.0, 10.0)) * draw.random())
        choices = ["operator", "evict", "delete"] if life.scenario.counts or faults.rough else ["operator"]
        if faults.rough:
            choices += ["child", "child", "status"]
        what = draw.choice(choices)
        pods = [one for one in life.store.list(Kind.POD).items if live(one)]
        children = [one for one in life.runs() if "parentRef" in one["spec"] and not finished(one)]
        if what == "operator" and life.processes:
            life.processes[-1].dead = True
            life.processes[-1].died.set()
        elif what in ("evict", "delete") and pods:
            _lose(life, draw.choice(pods), evict=what == "evict")
        elif what == "child" and children:
            meta = draw.choice(children)["metadata"]
            life.store.delete(Kind.JOB_RUN, meta["namespace"], meta["name"], uid=meta["uid"])
        elif what == "status" and life.runs():
            meta = draw.choice(life.runs())["metadata"]
            patch = {"status": {"phase": draw.choice(("Succeeded", "Running", None)), "message": None}}
            life.store.patch(Kind.JOB_RUN, meta["namespace"], meta["name"], patch, subresource="status")
        faults.told.append(f"{asyncio.get_running_loop().time():.3f} havoc: {what}")


def _lose(life: Life, pod: Manifest, *, evict: bool) -> None:
    meta = pod["metadata"]
    at = (Kind.POD, meta["namespace"], meta["name"])
    try:
        if evict:
            status = {"phase": "Failed", "reason": "Evicted", "message": "low on memory", "containerStatuses": None}
            life.store.patch(*at, {"status": status}, subresource="status")
        else:
            life.store.delete(*at, uid=meta["uid"])
    except NotFound:
        return
