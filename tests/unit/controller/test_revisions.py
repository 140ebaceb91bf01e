"""Stored revisions: which spec a run follows must be there for as long as the run, whatever happens at the same moment."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from brood.cluster.local.cluster import LocalCluster
from brood.cluster.parse import parse_definition, parse_revision
from brood.cluster.port import Kind
from brood.controller.revisions import PINNED_SECONDS, Revisions
from brood.controller.writer import Writer
from brood.views import DefinitionView, RevisionView
from tests import manifests
from tests.unit.controller.faults import FaultyPort, Write
from tests.unit.controller.world import local, names


class Stored:
    """A definition, and a store of its revisions on a cluster that can be held up."""

    def __init__(self, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.port = FaultyPort(cluster, pause=self._pause)
        self.revisions = Revisions(self.port, kept=10)
        self.writer = Writer(self.port, seen=lambda _kind, _manifest: None)
        view = parse_definition(manifests.definition("hello", tasks=[{"name": "a", "script": "true"}]))
        assert isinstance(view, DefinitionView)
        self.definition = view
        self.deleting, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()

    async def _pause(self, write: Write) -> None:
        if write.verb == "delete":
            self.deleting.set()
            await self.go_on.wait()

    async def store(self) -> None:
        await self.revisions.store(self.definition, self.writer)

    async def collect(self) -> bool:
        found = parse_revision(await self.port.get(Kind.REVISION, "default", self.definition.revision))
        assert isinstance(found, RevisionView)
        return await self.revisions.collect(found, self.writer)

    async def there(self) -> bool:
        return await names(self.port, Kind.REVISION) == [self.definition.revision]


@pytest.fixture
async def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stored]:
    async with local(tmp_path, run_pods=False) as cluster:
        made = Stored(cluster, monkeypatch)
        await made.store()
        yield made


async def test_what_a_run_has_just_asked_for_stays_although_no_run_names_it_yet(stored: Stored) -> None:
    stored.now += PINNED_SECONDS - 1
    assert not await stored.collect()
    await stored.store()  # in memory it is known to be there: nothing is written, and it is asked for all the same
    stored.now += PINNED_SECONDS - 1
    assert not await stored.collect()
    stored.now += 2
    assert await stored.collect()
    assert not await stored.there()


async def test_what_was_collected_or_deleted_by_hand_is_stored_again_for_the_next_run(stored: Stored) -> None:
    stored.now += PINNED_SECONDS
    assert await stored.collect()
    await stored.store()
    assert await stored.there()
    found = parse_revision(await stored.port.get(Kind.REVISION, "default", stored.definition.revision))
    assert isinstance(found, RevisionView)
    await stored.port.delete(Kind.REVISION, "default", found.meta.name, uid=found.meta.uid)
    stored.revisions.forget(found)  # as the watch tells
    await stored.store()
    assert await stored.there()


async def test_a_run_that_asks_while_it_is_being_deleted_finds_it_there(stored: Stored) -> None:
    stored.now += PINNED_SECONDS
    stored.go_on.clear()
    collecting = asyncio.create_task(stored.collect())
    await stored.deleting.wait()
    storing = asyncio.create_task(stored.store())
    await asyncio.sleep(0)
    stored.go_on.set()
    await asyncio.gather(collecting, storing)
    assert await stored.there()
