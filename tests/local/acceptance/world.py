"""What the acceptance tests are written with: manifests as users write them, `brood run` as a process, and the operator in this process."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import textwrap
import time
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

BROOD = [sys.executable, "-c", "from brood.cli.app import main; main()"]
PATIENCE = 30.0
"""Seconds after which a test gives up; only a failing one takes that long."""

GOOD = ("Succeeded", "PartiallySucceeded")


def definition(spec: str, name: str = "main") -> str:
    """Return a JobDefinition; ``spec`` is what stands below ``spec:``."""
    return _manifest("JobDefinition", name, spec)


def job_run(name: str, of: str = "main", spec: str = "") -> str:
    """Return a JobRun of a definition, with more of its spec."""
    return _manifest("JobRun", name, f"definitionRef: {{name: {of}}}\n" + textwrap.dedent(spec))


def _manifest(kind: str, name: str, spec: str) -> str:
    head = f"---\napiVersion: brood.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"
    return head + textwrap.indent(textwrap.dedent(spec).strip("\n") + "\n", "  ")


def meet(count: int, place: str = "@DIR@") -> str:
    """Return a line of shell that goes on when ``count`` scripts have got there: proof that they ran at one instant."""
    return (
        f'touch "{place}/met-$BROOD_RUN-$BROOD_TASK"; n=0; '
        f"until [ $(ls {place} | grep -c ^met-) -ge {count} ]; do n=$((n + 1)); [ $n -lt 600 ]; sleep 0.05; done"
    )


def wait_for(file: str) -> str:
    """Return a line of shell that waits until a file of the shared directory is there."""
    return f"n=0; until [ -e @DIR@/{file} ]; do n=$((n + 1)); [ $n -lt 600 ]; sleep 0.05; done"


def rows(run: Manifest, field_: str = "tasks") -> dict[str, dict[str, Any]]:
    """Return the rows of a run by name."""
    return {row["name"]: row for row in run["status"].get(field_, [])}


def phases(run: Manifest) -> dict[str, str]:
    """Return the phase of each task."""
    return {name: row["phase"] for name, row in rows(run).items()}


def condition(run: Manifest, type_: str) -> dict[str, Any]:
    """Return a condition, or nothing."""
    found = [one for one in run.get("status", {}).get("conditions", []) if one["type"] == type_]
    return found[0] if found else {}


def ended(run: Manifest) -> bool:
    """Whether a run has ended."""
    return "completionTime" in run.get("status", {})


def admitted(run: Manifest) -> bool:
    """Whether a run has been admitted."""
    return condition(run, "Admitted").get("status") == "True"


@dataclass(frozen=True, slots=True)
class Result:
    """What one `brood run -o json --children` left behind."""

    code: int
    lines: list[dict[str, Any]]
    stderr: str
    seconds: float
    directory: Path
    state: Path

    @property
    def run(self) -> Manifest:
        """The only root run."""
        [line] = self.lines
        run: Manifest = line["run"]
        return run

    @property
    def status(self) -> dict[str, Any]:
        """Its status."""
        status: dict[str, Any] = self.run["status"]
        return status

    @property
    def phase(self) -> str:
        """Its phase."""
        return str(self.status["phase"])

    @property
    def outputs(self) -> dict[str, str]:
        """Its outputs, in full."""
        [line] = self.lines
        outputs: dict[str, str] = line["outputs"]
        return outputs

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Its tasks by name."""
        return rows(self.run)

    @property
    def phases(self) -> dict[str, str]:
        """The phase of each of its tasks."""
        return phases(self.run)

    @property
    def children(self) -> list[Manifest]:
        """Every run below the roots."""
        return [child for line in self.lines for child in line["children"]]

    def children_of(self, task: str) -> list[Manifest]:
        """Return the children that a task made, in the order of their items."""
        made = [child for child in self.children if child["spec"]["parentRef"]["task"] == task]
        return sorted(made, key=lambda child: int(child["spec"]["parentRef"].get("index", 0)))

    def written(self, file: str) -> list[str]:
        """Return the lines that scripts left in a file of the shared directory."""
        path = self.directory / file
        return path.read_text().splitlines() if path.exists() else []

    def log(self, task: str) -> str:
        """Return the log of a task of the root."""
        [log] = self.state.glob(f"logs/**/{self.rows[task]['podName']}*/**/*.log") or [None]
        return "" if log is None else log.read_text()


class Command:
    """`brood run` in a directory of its own. ``@DIR@`` in a manifest is a directory that all scripts share."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shared = path / "shared"
        self.state = path / "state"
        self.shared.mkdir()
        self.environment = {**os.environ, "XDG_STATE_HOME": str(path / "home"), "TERM": "dumb"}

    def write(self, text: str, name: str = "a.yaml") -> Path:
        """Write a manifest."""
        file = self.path / name
        file.write_text(text.replace("@DIR@", str(self.shared)), encoding="utf-8", errors="surrogateescape")
        return file

    def start(self, text: str, *args: str, **options: Any) -> "subprocess.Popen[bytes]":
        """Begin a run."""
        return self.popen(["run", "-o", "json", "--children", "--keep", str(self.state), *args, str(self.write(text))], **options)

    def popen(self, args: Iterable[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start the command with any arguments."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*BROOD, *args], stdout=pipe, stderr=pipe, env=self.environment, cwd=self.path, start_new_session=True, **options
        )

    def finish(self, process: "subprocess.Popen[bytes]", *, began: float, send: bytes | None = None) -> Result:
        """Wait for the end of a run."""
        try:
            out, err = process.communicate(send, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"did not end:\n{err.decode(errors='replace')}") from None
        seconds = time.monotonic() - began
        lines = [json.loads(line) for line in out.splitlines()]
        return Result(process.returncode, lines, err.decode(errors="replace"), seconds, self.shared, self.state)

    def __call__(self, text: str, *args: str) -> Result:
        """Run a manifest to its end."""
        began = time.monotonic()
        return self.finish(self.start(text, *args), began=began)

    def cli(self, *args: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[str]":
        """Run the command with any arguments to its end."""
        process = self.popen(args, stdin=subprocess.PIPE)
        out, err = process.communicate(stdin, timeout=PATIENCE)
        decoded = [text.decode(errors="replace") for text in (out, err)]
        return subprocess.CompletedProcess(list(args), process.returncode, *decoded)

    def processes(self) -> list[str]:
        """Return the command lines of every process that still has this directory in its environment."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{self.path}/".encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return found


def until(holds: Callable[[], Any], what: str = "") -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what or "it did not happen"
        time.sleep(0.02)


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
        made = []
        for text in texts:
            for document in yaml.safe_load_all(text.replace("@DIR@", str(self.shared))):
                made.append(await self.cluster.create(Kind(document["kind"]), document))
        return made

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
