"""One life of a scenario: a cluster, a node, users, and operators that may die; and what it came to."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from unittest import mock

from brood.api import labels
from brood.cluster.local.cluster import LocalCluster
from brood.cluster.local.store import ObjectStore
from brood.cluster.port import ApiError, Kind, Manifest, NotFound, Port
from brood.controller import controller as controller_module
from brood.controller import runs as runs_module
from brood.controller.config import Config
from brood.controller.controller import Controller
from brood.controller.mergepatch import difference
from brood.engine.ranges import IndexRanges
from tests.local.faults.clock import LONGEST, utc_now
from tests.local.faults.node import End, Node, Script, place
from tests.unit.controller.faults import FaultyPort, Verdict, Write

ENDED = ("Succeeded", "Failed")
QUIET_SECONDS = 20.0
"""A life is over when nothing has changed for so long: counters of definitions follow late."""


def live(pod: Manifest) -> bool:
    """Whether a Pod may still run."""
    gone = "deletionTimestamp" in pod["metadata"] and not pod["metadata"].get("deletionGracePeriodSeconds")
    return pod["status"].get("phase") not in ENDED and not gone


def finished(run: Manifest) -> bool:
    return "completionTime" in run.get("status", {})


def is_admitted(run: Manifest) -> bool:
    conditions = run.get("status", {}).get("conditions", [])
    return any(one["type"] == "Admitted" and one["status"] == "True" for one in conditions)


class Watched(LocalCluster):
    """A cluster that looks at every write of an operator: what must never happen is noted in ``broken``."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, run_pods=False, clock=utc_now)
        self.broken: list[str] = []
        self.max_active: int | None = None
        self.checks = True
        self._made: set[tuple[Any, ...]] = set()

    async def create(self, kind: Kind, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Manifest:
        """Create an object, and note what is wrong with that."""
        owned = self.checks and not dry_run and kind in (Kind.POD, Kind.JOB_RUN)
        owned = owned and bool(manifest["metadata"].get("ownerReferences"))
        if owned:
            self._check(kind, manifest)
        stored = await super().create(kind, manifest, dry_run=dry_run)
        if owned:
            self._made.add((*_slot(kind, stored), stored["metadata"]["labels"].get(labels.ATTEMPT)))
        return stored

    async def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: Literal["status"] | None = None,
    ) -> Manifest:
        """Change an object, and note what is wrong with that."""
        before = self.store.get(kind, namespace, name)
        stored = await super().patch(kind, namespace, name, patch, subresource=subresource)
        if self.checks and kind is Kind.JOB_RUN and subresource == "status":
            if finished(before) and difference(before["status"], stored["status"]):
                self.broken.append(
                    f"{name} was changed after its end: {difference(before['status'], stored['status'])}"
                )
            holders = [one for one in self.store.list(kind).items if _holds(one)]
            if self.max_active is not None and len(holders) > self.max_active:
                self.broken.append(f"{len(holders)} runs hold the key at once")
        return stored

    def _check(self, kind: Kind, manifest: Mapping[str, Any]) -> None:
        meta = manifest["metadata"]
        name, slot = meta["name"], _slot(kind, manifest)
        if self._exists(kind, meta["namespace"], name):
            return
        if (*slot, meta["labels"].get(labels.ATTEMPT)) in self._made:
            self.broken.append(f"{kind} {name} was made twice")
        for one in self.store.list(kind).items:
            going = live(one) if kind is Kind.POD else not finished(one)
            if going and one["metadata"].get("ownerReferences") and _slot(kind, one) == slot:
                self.broken.append(f"{kind} {name} was made beside {one['metadata']['name']}, which goes on")
        owner = next(one for one in self.store.list(Kind.JOB_RUN).items if one["metadata"]["uid"] == slot[1])
        if finished(owner):
            self.broken.append(f"{kind} {name} was made for a run that has ended")
        row: dict[str, Any] = next((one for one in owner["status"].get("tasks", []) if one["name"] == slot[2]), {})
        done = IndexRanges.parse(row.get("items", {}).get("completedIndexes", ""))
        if kind is Kind.JOB_RUN and slot[3] is not None and int(slot[3]) in done:
            self.broken.append(f"{name} was made for an item that has succeeded")
        pools = json.loads(meta.get("annotations", {}).get(labels.POOLS, "[]"))
        for pool in pools:
            for one in self.store.list(Kind.POD).items:
                if live(one) and pool in json.loads(one["metadata"].get("annotations", {}).get(labels.POOLS, "[]")):
                    self.broken.append(f"{name} took the only slot of {pool} beside {one['metadata']['name']}")

    def _exists(self, kind: Kind, namespace: str, name: str) -> bool:
        try:
            self.store.get(kind, namespace, name)
        except NotFound:
            return False
        return True


def _slot(kind: Kind, manifest: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return for what an object was made: kind, uid of the run, task, item, and whether that is a handler."""
    meta = manifest["metadata"]
    owner = next(one["uid"] for one in meta["ownerReferences"] if one.get("controller"))
    found = meta["labels"]
    return (kind, owner, found.get(labels.TASK), found.get(labels.INDEX), found.get(labels.HANDLER))


def _holds(run: Manifest) -> bool:
    return "parentRef" not in run["spec"] and is_admitted(run) and not finished(run)


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
    stays: bool = (
        True  # which Pods stay is the same each time; not where a kubelet and brood end one at the same moment
    )
    max_active: int | None = None
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
        cluster.max_active = scenario.max_active
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
        controller = life.controller = Controller(port, life.scenario.config, now=utc_now)
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


# --- what it came to ---

_HASHES = re.compile(r"-[a-z2-7]{10}\b|\.[0-9a-f]{8}(?=/)|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}")
_TRANSIENT = ("Time", "podName", "childName", "Since")


def _plain(value: Any) -> Any:
    """Return a copy without times, and without what of names differs from one life to another."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in sorted(value.items()) if not key.endswith(_TRANSIENT)}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return _HASHES.sub("-#", value) if isinstance(value, str) else value


def outcome(life: Life) -> dict[str, Any]:
    """Return what is stored at the end: statuses by place, contents of large outputs, how many Pods and children."""
    runs: dict[str, Any] = {}
    for run in life.runs():
        status = _plain(run["status"])
        for name, at in sorted(run["status"].get("outputRefs", {}).items()):
            content = life.store.get(Kind.CONFIG_MAP, "default", at["configMap"])["data"][at["key"]]
            status["outputRefs"][name] = content
        attempt = run["metadata"].get("labels", {}).get(labels.ATTEMPT, "1")
        runs[f"{life.place(run)}#{attempt}"] = status
    pods = Counter(
        f"{life.place(one)}#{one['metadata']['labels'][labels.ATTEMPT]} {one['status']['phase']}"
        for one in life.store.list(Kind.POD).items
    )
    definitions = {one["metadata"]["name"]: _plain(one["status"]) for one in life.store.list(Kind.JOB_DEFINITION).items}
    for status in definitions.values():
        status.setdefault("activeRuns", 0)  # 0 is not written where nothing else was
    claims = Counter(life.place(_owner(life, one)) for one in life.store.list(Kind.CLAIM).items)
    kept = dict(sorted(pods.items())) if life.scenario.stays else {}
    return {"runs": runs, "pods": kept, "definitions": definitions, "claims": dict(claims)}


def _owner(life: Life, manifest: Manifest) -> Manifest:
    return life.run(manifest["metadata"]["ownerReferences"][0]["name"])


_COUNTS = ("attempt", "infraRetries", "message", "failures", "suspendedSeconds", "url")


def essence(found: dict[str, Any]) -> dict[str, Any]:
    """Return what of an outcome stays the same where Pods were lost: phases, codes, items, outputs; no attempts."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(one) for key, one in value.items() if key not in _COUNTS}
        return [strip(one) for one in value] if isinstance(value, list) else value

    return {"runs": strip(found["runs"]), "claims": found["claims"]}


def differences(found: Any, wanted: Any, at: str = "") -> list[str]:
    """Say in lines where two outcomes differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted(found.keys() | wanted.keys())
        return [line for key in keys for line in differences(found.get(key), wanted.get(key), f"{at}.{key}")]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = enumerate(zip(found, wanted, strict=True))
        return [line for index, (one, two) in pairs for line in differences(one, two, f"{at}[{index}]")]
    return [] if found == wanted else [f"{at}: {found!r}, not {wanted!r}"]
