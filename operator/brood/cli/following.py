"""Runs and everything below them, as they are now: read once, or kept up to date by list and watch."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from brood.api.labels import INDEX, ROOT_RUN
from brood.cli.forest import Forest, Key, key_of
from brood.cli.graphs import Graphs
from brood.cli.reach import Reach
from brood.cluster.informer import Informer
from brood.cluster.parse import parse_meta
from brood.cluster.port import Kind, Manifest, Scope
from brood.views import Meta

TICK_SECONDS: Final = 1.0
"""Durations grow while nothing else happens."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A run as it is stored; it is read when somebody looks at it."""

    meta: Meta
    manifest: Manifest


@dataclass(slots=True)
class Live:
    """Runs that are followed. ``changed`` is set at each change of them."""

    forest: Forest
    graphs: Graphs = field(default_factory=Graphs)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def finished(self) -> bool:
        """Whether every run that is followed has ended or is gone."""
        return all(self.forest.ended(key) for key in self.forest.roots)

    def see(self, old: Stored | None, new: Stored | None) -> None:
        """Take over a change."""
        if new is not None:
            self.forest.put(new.manifest)
        elif old is not None:
            self.forest.mark_gone(key_of(old.manifest))
        self.changed.set()

    async def change(self) -> None:
        """Wait for a change, or for a tick."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TICK_SECONDS):
                await self.changed.wait()
        self.changed.clear()


async def read(reach: Reach, name: str, *, item_runs: Callable[[Manifest], bool] | None = None) -> tuple[Live, Key]:
    """Return a run and what is below it; of the children of items those that ``item_runs`` wants, else none."""
    manifest = await reach.run(name)
    live = Live(Forest([key_of(manifest)]))
    labels = below(manifest, items=item_runs is not None)
    async for page in reach.port.pages(Kind.JOB_RUN, namespace=reach.namespace, labels=labels):
        for one in page.items:
            if item_runs is None or INDEX not in one["metadata"]["labels"] or item_runs(one):
                live.forest.put(one)
    live.forest.put(manifest)
    await live.graphs.learn(reach.port, live.forest.views())
    return live, key_of(manifest)


@asynccontextmanager
async def following(reach: Reach, names: Sequence[str], *, tree: bool) -> AsyncIterator[Live]:
    """Follow runs; with ``tree`` what is below them too, but for the children of items: a row counts those.

    So a fan-out of 10,000 items costs what its one row costs.
    """
    roots = [await reach.run(name) for name in names]
    live = Live(Forest([key_of(one) for one in roots]))
    here = reach.namespace
    scopes: list[Scope] = [{"namespace": here, "name": name} for name in names]
    if tree:
        scopes += [{"namespace": here, "labels": one} for one in {below(root, items=False) for root in roots}]
    informers = [Informer(reach.port, Kind.JOB_RUN, parse=_stored, on_change=live.see, **scope) for scope in scopes]
    tasks = [asyncio.create_task(informer.run()) for informer in informers]
    try:
        for informer in informers:
            await informer.synced.wait()
        yield live
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def below(run: Manifest, *, items: bool) -> str:
    """Return the labels of what is in the same tree as a run; without ``items`` no children of items."""
    root = (run["metadata"].get("labels") or {}).get(ROOT_RUN, run["metadata"]["name"])
    return f"{ROOT_RUN}={root}" if items else f"{ROOT_RUN}={root},!{INDEX}"


def _stored(manifest: Manifest) -> Stored:
    return Stored(parse_meta(manifest), manifest)
