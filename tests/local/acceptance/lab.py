"""The operator on a local cluster, in this process, for what is done to runs while they run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import yaml

from brood.cluster.local import LocalCluster
from brood.cluster.port import Expired, Kind, Manifest, NotFound, Port
from brood.controller.config import Config
from brood.controller.controller import Controller
from tests.local.acceptance.manifests import PATIENCE, ended


@dataclass(slots=True)
class Seen:
    """One change that a watch told of."""

    kind: Kind
    type: str
    object: Manifest

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.object["metadata"]["name"])


@dataclass(slots=True)
class Lab:
    """A local cluster and an operator on it, and everything that a watch has told so far."""

    cluster: LocalCluster
    shared: Path
    config: Config
    port: Port
    ahead: timedelta = timedelta()
    seen: list[Seen] = field(default_factory=list)
    controller: Controller | None = None

    def now(self) -> datetime:
        """Return the time, as far ahead as a test wants it."""
        return datetime.now(UTC) + self.ahead

    async def start(self) -> Self:
        """Start an operator."""
        self.controller = Controller(self.port, self.config, now=self.now)
        await self.controller.start()
        async with asyncio.timeout(PATIENCE):
            await self.controller.ready.wait()
        return self

    async def stop(self) -> None:
        """Stop it; the cluster goes on."""
        if self.controller is not None:
            await self.controller.stop()
            self.controller = None

    async def apply(self, *texts: str) -> list[Manifest]:
        """Create everything in the manifests, as ``kubectl create`` does."""
        whole = "".join(texts).replace("@DIR@", str(self.shared))
        return [await self.cluster.create(Kind(one["kind"]), one) for one in yaml.safe_load_all(whole)]

    async def get(self, name: str, kind: Kind = Kind.JOB_RUN) -> Manifest:
        """Read an object."""
        return await self.cluster.get(kind, "default", name)

    async def patch(self, name: str, spec: Mapping[str, Any]) -> Manifest:
        """Change the spec of a run."""
        return await self.cluster.patch(Kind.JOB_RUN, "default", name, {"spec": spec})

    async def delete(self, name: str, kind: Kind = Kind.JOB_RUN, **more: Any) -> None:
        """Delete an object, as ``kubectl delete`` does."""
        uid = (await self.get(name, kind))["metadata"]["uid"]
        await self.cluster.delete(kind, "default", name, uid=uid, **more)

    async def objects(self, kind: Kind, labels: str | None = None) -> list[Manifest]:
        """List objects."""
        return (await self.cluster.list(kind, labels=labels)).items

    async def pods(self, run: str) -> list[Manifest]:
        """Return the Pods of one run."""
        return await self.objects(Kind.POD, f"brood.dev/run={run}")

    async def children(self, run: str) -> list[Manifest]:
        """Return the children of one run, in the order of their items."""
        found = await self.objects(Kind.JOB_RUN, f"brood.dev/run={run}")
        return sorted(found, key=lambda one: int(one["spec"]["parentRef"].get("index", 0)))

    async def until(self, name: str, holds: Callable[[Manifest], Any], kind: Kind = Kind.JOB_RUN) -> Manifest:
        """Wait until an object is as it should be."""
        found: Manifest = {}
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    with contextlib.suppress(NotFound):
                        found = await self.get(name, kind)
                        if holds(found):
                            return found
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{name} did not get there: {found.get('status')}") from None

    async def phase(self, name: str, *wanted: str) -> Manifest:
        """Wait until a run is in one of these phases."""
        return await self.until(name, lambda run: run.get("status", {}).get("phase") in wanted)

    async def ended(self, name: str) -> Manifest:
        """Wait until a run has ended."""
        return await self.until(name, ended)

    async def true(self, holds: Callable[[], Any], what: str = "") -> None:
        """Wait until something is true."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds():  # noqa: ASYNC110 - any condition of a test
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(what or "it did not happen") from None

    async def child_of(self, run: str, task: str, index: int | None = None) -> Manifest:
        """Wait for the child that a task of a run makes."""
        found: list[Manifest] = []

        def there() -> bool:
            listed = self.cluster.store.list(Kind.JOB_RUN, labels=f"brood.dev/run={run},brood.dev/task={task}").items
            found[:] = [one for one in listed if index is None or one["spec"]["parentRef"].get("index") == index]
            return bool(found)

        await self.true(there, f"no child of {run}/{task}")
        return found[0]

    def touch(self, file: str) -> None:
        """Make a file in the shared directory, which scripts wait for."""
        (self.shared / file).touch()

    def written(self, file: str) -> list[str]:
        """Return the lines that scripts left in a file of the shared directory."""
        path = self.shared / file
        return path.read_text().splitlines() if path.exists() else []

    def history(self, kind: Kind, name: str | None = None) -> list[Manifest]:
        """Return every state of an object, or of all of a kind, that a watch has shown."""
        return [one.object for one in self.seen if one.kind is kind and name in (None, one.name)]

    async def follow(self, kind: Kind) -> None:
        """Write down every change of a kind."""
        with contextlib.suppress(Expired):
            async for event in self.cluster.watch(kind, resource_version="0"):
                if event.type != "BOOKMARK":
                    self.seen.append(Seen(kind, event.type, event.object))


@asynccontextmanager
async def lab(
    path: Path, config: Config | None = None, *, run_pods: bool = True, through: Callable[[Port], Port] | None = None
) -> AsyncIterator[Lab]:
    """Start a cluster with an operator; at the end nothing of either is left. ``through`` stands between the two."""
    shared = path / "shared"
    shared.mkdir(exist_ok=True)
    async with LocalCluster(path / "state", run_pods=run_pods) as cluster:
        made = Lab(cluster, shared, config or Config(), through(cluster) if through else cluster)
        followers = [asyncio.create_task(made.follow(kind)) for kind in (Kind.JOB_RUN, Kind.POD, Kind.EVENT)]
        try:
            yield await made.start()
        finally:
            await made.stop()
            for one in followers:
                one.cancel()
            await asyncio.gather(*followers, return_exceptions=True)


def most_active(history: Iterable[Seen], counts: Callable[[Manifest], bool]) -> int:
    """Return how many objects counted at once, at the worst of all events."""
    now: set[str] = set()
    most = 0
    for one in history:
        if one.type != "DELETED" and counts(one.object):
            now.add(one.name)
        else:
            now.discard(one.name)
        most = max(most, len(now))
    return most
