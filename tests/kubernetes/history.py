"""All that has happened to the Pods and runs of a namespace, event by event, as a watch tells it."""

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.cluster.access import Cluster, kubectl_program

PATHS = {"pods": "/api/v1", "jobruns": "/apis/brood.dev/v1alpha1"}
PATIENCE = 100.0
"""Seconds that a test waits for what has to come; where the machine is shared, things take their time."""
Object = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One event: ``type`` is ADDED, MODIFIED or DELETED, ``at`` the moment on the monotonic clock."""

    at: float
    type: str
    object: Object

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.object["metadata"]["name"])


class History:
    """Events so far; grows while the watches run."""

    def __init__(self) -> None:
        self._events: dict[str, list[Seen]] = {kind: [] for kind in PATHS}
        self._latest: dict[str, dict[str, Object]] = {kind: {} for kind in PATHS}  # by uid; of gone ones the last state
        self._gone: set[str] = set()
        self._changed = threading.Condition()

    def add(self, kind: str, event: dict[str, Any]) -> None:
        """Take an event of a watch."""
        found = event["object"]
        found["metadata"].pop("managedFields", None)
        with self._changed:
            self._events[kind].append(Seen(at=time.monotonic(), type=event["type"], object=found))
            uid = found["metadata"]["uid"]
            self._latest[kind][uid] = found
            if event["type"] == "DELETED":
                self._gone.add(uid)
            self._changed.notify_all()

    def events(self, kind: str, name: str = "") -> list[Seen]:
        """Return all events of ``pods`` or ``jobruns``, or of the one with that name."""
        with self._changed:
            return [one for one in self._events[kind] if not name or one.name == name]

    def ever(self, kind: str, **labels: str) -> list[Object]:
        """Return everything that ever existed, as it was last, if it has these ``brood.dev/`` labels (`_` as `-`)."""
        wanted = {f"brood.dev/{label.replace('_', '-')}": value for label, value in labels.items()}
        with self._changed:
            found = list(self._latest[kind].values())
        return [one for one in found if wanted.items() <= one["metadata"].get("labels", {}).items()]

    def now(self, kind: str, **labels: str) -> list[Object]:
        """Return what exists of that."""
        return [one for one in self.ever(kind, **labels) if one["metadata"]["uid"] not in self._gone]

    def run(self, name: str) -> Object | None:
        """Return the run that has this name now, or None."""
        return next((one for one in self.now("jobruns") if one["metadata"]["name"] == name), None)

    def until(self, holds: Callable[[], Any], what: str, *, seconds: float = PATIENCE) -> Any:
        """Wait until `holds` returns something true after an event, and return that."""
        deadline = time.monotonic() + seconds
        while True:
            with self._changed:
                known = sum(map(len, self._events.values()))
            if found := holds():
                return found
            with self._changed:
                if sum(map(len, self._events.values())) == known:
                    self._changed.wait(max(0.01, min(0.5, deadline - time.monotonic())))
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {seconds:.0f} s\n{self.summary()}")

    def run_is(self, name: str, holds: Callable[[Object], Any], what: str = "", *, seconds: float = PATIENCE) -> Object:
        """Wait until the run of this name is as a test wants it."""

        def look() -> Object | None:
            found = self.run(name)
            return found if found is not None and holds(found) else None

        waited: Object = self.until(look, f"run {name} {what}", seconds=seconds)
        return waited

    def ended(self, name: str, *, seconds: float = PATIENCE) -> Object:
        """Wait for the end of a run and return it."""
        return self.run_is(name, lambda run: "completionTime" in run.get("status", {}), "has ended", seconds=seconds)

    def most(self, kind: str, live: Callable[[Object], bool]) -> int:
        """Return how many objects for which `live` holds existed at one event, at the most."""
        at_once: set[str] = set()
        most = 0
        for one in self.events(kind):
            uid = one.object["metadata"]["uid"]
            if one.type != "DELETED" and live(one.object):
                at_once.add(uid)
            else:
                at_once.discard(uid)
            most = max(most, len(at_once))
        return most

    def attempts(self, **labels: str) -> Counter[tuple[str, str, str]]:
        """Count the Pods ever made for each task (or item) of each run: (run, task, index)."""
        found = (one["metadata"] for one in self.ever("pods", **labels))
        return Counter(
            (
                one["ownerReferences"][0]["uid"],
                one["labels"]["brood.dev/task"],
                one["labels"].get("brood.dev/index", ""),
            )
            for one in found
        )

    def summary(self) -> str:
        """Say what there is, for a test that fails."""
        lines = []
        for run in self.now("jobruns"):
            status = run.get("status", {})
            rows = [
                " ".join(str(row[field]) for field in ("name", "phase", "reason", "message") if field in row)
                for row in status.get("tasks", [])
            ]
            lines.append(f"run {run['metadata']['name']}: {status.get('phase')} {status.get('conditions')} {rows}")
        pods = self.now("pods")
        lines.extend(f"pod {pod['metadata']['name']}: {pod.get('status', {}).get('phase')}" for pod in pods)
        return "\n".join(lines[:60])


@contextmanager
def watching(cluster: Cluster, namespace: str, *, kinds: Sequence[str] = tuple(PATHS)) -> Iterator[History]:
    """Follow a namespace until the end of the block."""
    history = History()
    watches = [_Watch(cluster, kind=kind, namespace=namespace, history=history) for kind in kinds]
    try:
        yield history
    finally:
        for watch in watches:
            watch.stop()


class _Watch:
    """A watch that goes on where the API server, or its death, cut it: it drops those that read too slowly."""

    def __init__(self, cluster: Cluster, *, kind: str, namespace: str, history: History) -> None:
        path = f"{PATHS[kind]}/namespaces/{namespace}/{kind}"
        self._raw = [kubectl_program(), "--kubeconfig", str(cluster.kubeconfig), "get", "--raw", f"{path}?watch=1"]
        self._kind = kind
        self._history = history
        self._version = ""
        self._stopped = threading.Event()
        self._process = self._start()
        threading.Thread(target=self._follow, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._stopped.set()
        self._process.kill()
        self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        *words, path = self._raw
        path += f"&resourceVersion={self._version}" if self._version else ""
        return subprocess.Popen([*words, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def _follow(self) -> None:
        while not self._stopped.is_set():
            self._read()
            self._process.wait()
            if not self._stopped.wait(0.5):
                self._process = self._start()
        self._process.kill()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                event: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {"type": "cut"}
                if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                    self._version = event["object"]["metadata"]["resourceVersion"]
                    self._history.add(self._kind, event)


def phases(history: History, name: str) -> list[str]:
    """Return the phases that a run had, one after another."""
    found: list[str] = []
    for one in history.events("jobruns", name):
        phase = one.object.get("status", {}).get("phase", "")
        if phase and found[-1:] != [phase]:
            found.append(phase)
    return found
