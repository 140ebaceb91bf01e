"""One life of a scenario: a cluster, a node, users, and operators that may die."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from brood.cluster.local.store import ObjectStore
from brood.cluster.port import ApiError, Kind, Manifest, NotFound, Port
from brood.controller import controller as controller_module
from brood.controller import runs as runs_module
from brood.controller.config import Config
from brood.controller.controller import Controller
from tests.local.faults.clock import LONGEST, utc_now
from tests.local.faults.node import End, Node, Script, place
from tests.local.faults.watched import Watched, finished
from tests.unit.controller.faults import FaultyPort, Verdict, Write

QUIET_SECONDS = 20.0
"""A life is over when nothing has changed for so long: counters of definitions follow late."""


class Process(FaultyPort):
    """What one operator sees of a cluster until it dies."""

    def __init__(
        self, cluster: Port, node: Node, judge: Callable[[Write], Verdict] = lambda _: "pass", **more: Any
    ) -> None:
        super().__init__(cluster, judge, **more)
        self.died = asyncio.Event()
        self._node = node

    async def _before(self, verb: Any, kind: Kind, name: str, body: Mapping[str, Any]) -> Verdict:
        try:
            return await super()._before(verb, kind, name, body)
        finally:
            self._tell()

    def _after(self, verdict: Verdict) -> None:
        try:
            super()._after(verdict)
        finally:
            self._tell()

    def _tell(self) -> None:
        if self.dead:
            self.died.set()

    async def read_log(self, namespace: str, pod: str, *, tail_lines: int | None = None, limit_bytes: int) -> bytes:
        """Read what the node kept."""
        found = await self.get(Kind.POD, namespace, pod)
        log = self._node.logs.get(found["metadata"]["uid"], b"")
        return b"".join(log.splitlines(keepends=True)[-(tail_lines or 0) :])[:limit_bytes]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Definitions and runs as users apply them, how Pods end, and what users do meanwhile.

    ``counts`` says that a Pod which is lost to its node changes nothing but attempts: nothing is shut down or timed.
    """

    name: str
    objects: tuple[tuple[Kind, Manifest], ...]
    script: Script = lambda _place, _before: End()
    users: Callable[["Life"], Coroutine[Any, Any, None]] | None = None
    config: Config = field(default_factory=Config)
    counts: bool = True
    stays: bool = True  # which Pods stay is the same each time; not where kubelet and brood end one at one moment
    checks: bool = True  # look at every write: objects are what they should be
    expect: Mapping[str, str] = field(default_factory=dict)  # phases of runs, so that a scenario is what it says


@dataclass
class Life:
    """What there is while a scenario is played."""

    scenario: Scenario
    cluster: Watched
    node: Node
    processes: list[Process] = field(default_factory=list)
    plans: int = 0
    errors: list[str] = field(default_factory=list)
    controller: Controller | None = None
    patience: float = LONGEST
    ahead: timedelta = timedelta()  # of the operator's clock, before everybody else's

    @property
    def store(self) -> ObjectStore:
        return self.cluster.store

    @property
    def writes(self) -> list[Write]:
        return [write for process in self.processes for write in process.writes]

    def runs(self) -> list[Manifest]:
        return self.store.list(Kind.JOB_RUN).items

    def run(self, name: str) -> Manifest:
        return self.store.get(Kind.JOB_RUN, "default", name)

    def running(self, *places: str) -> bool:
        """Whether the containers of all these places run."""
        pods = [one for one in self.store.list(Kind.POD).items if one["status"]["phase"] == "Running"]
        return set(places) <= {self.place(one) for one in pods}

    def place(self, manifest: Manifest) -> str:
        """Return where in its tree a Pod or run is."""
        try:
            return place(self.store, manifest)
        except NotFound:
            return "gone"

    async def when(self, holds: Callable[[], bool]) -> None:
        """Wait until something is so, or a user's patience is over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not holds() and loop.time() < began + self.patience:  # noqa: ASYNC110 - the clock jumps
            await asyncio.sleep(0.5)

    def remove(self, kind: Kind, name: str) -> None:
        """Delete an object as a user does."""
        self.store.delete(kind, "default", name, uid=self.store.get(kind, "default", name)["metadata"]["uid"])

    async def patch(self, name: str, **spec: Any) -> None:
        """Change the spec of a run as a user does."""
        self.store.patch(Kind.JOB_RUN, "default", name, {"spec": spec})


def settled(life: Life) -> bool:
    """Whether all runs have ended and no Pod is held back."""
    held = any(one["metadata"].get("finalizers") for one in life.store.list(Kind.POD).items)
    return all(finished(run) for run in life.runs()) and not held


@asynccontextmanager
async def begun(scenario: Scenario, directory: Path) -> AsyncIterator[Life]:
    """Make the cluster and the node."""
    async with Watched(directory) as cluster:
        cluster.config = scenario.config
        cluster.checks = scenario.checks
        node = Node(cluster.store, scenario.script)
        node.start()
        life = Life(scenario, cluster, node)
        with _recorded(life):
            yield life
        await node.stop()


@contextmanager
def _recorded(life: Life) -> Iterator[None]:
    """Count plans, and note the passes that failed for no reason of the cluster's."""
    plan = runs_module.__dict__["decide"]

    def counted(*args: Any) -> Any:
        life.plans += 1
        return plan(*args)

    def failed(key: Any, error: Exception) -> None:
        if not isinstance(error, ApiError):
            life.errors.append(f"{key}: {error!r}")

    with (
        mock.patch.object(runs_module, "decide", counted),
        mock.patch.object(controller_module, "_log_failure", failed),
    ):
        yield


async def play(
    scenario: Scenario,
    directory: Path,
    *,
    process: Callable[[Life, int], Process] | None = None,
    chaos: Callable[[Life], Coroutine[Any, Any, None]] | None = None,
    until_users: bool = False,
) -> Life:
    """Play a scenario to its end.

    Parameters
    ----------
    process
        Makes what the n-th operator (from 0) sees of the cluster.
    chaos
        What goes wrong beside the operator; it is waited for.
    until_users
        It is over when the users are done, whatever goes on.
    """
    async with begun(scenario, directory) as life:
        for kind, manifest in scenario.objects:
            life.store.create(kind, manifest)
        loop = asyncio.get_running_loop()
        operator = loop.create_task(_operate(life, process or _undisturbed))
        others = [loop.create_task(one(life)) for one in (scenario.users, chaos) if one is not None]
        ending = loop.create_task(_end(life, others, wait=not until_users))
        try:
            await asyncio.wait([operator, ending], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (operator, ending, *others):
                task.cancel()
            answers = await asyncio.gather(operator, ending, *others, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return life


def _undisturbed(life: Life, _number: int) -> Process:
    return Process(life.cluster, life.node)


async def _operate(life: Life, process: Callable[[Life, int], Process]) -> None:
    while True:
        port = process(life, len(life.processes))
        life.processes.append(port)
        controller = life.controller = Controller(port, life.scenario.config, now=lambda: utc_now() + life.ahead)
        await controller.start()
        try:
            await port.died.wait()
        finally:
            await controller.stop()


async def _end(life: Life, others: list[asyncio.Task[None]], *, wait: bool) -> None:
    """Wait until everybody is done and nothing has changed for a while."""
    await asyncio.gather(*others)
    while wait:
        await life.when(lambda: settled(life))
        version = life.store.version
        await asyncio.sleep(QUIET_SECONDS)
        if version == life.store.version and settled(life):
            return
