"""A namespace with an operator at work in it and an eye on it: where most tests here play."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.cluster.access import Cluster
from tests.cluster.audit import requests
from tests.kubernetes.history import PATIENCE, History, Object, watching
from tests.kubernetes.operators import Operator, operator

FORBIDDEN = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """A namespace of a cluster, its operator and its history."""

    cluster: Cluster
    namespace: str
    operator: Operator
    history: History

    def apply(self, *manifests: Any) -> None:
        """Apply objects, texts or files."""
        objects = [one for one in manifests if isinstance(one, dict)]
        if objects:
            self.cluster.apply(objects, namespace=self.namespace)
        for one in manifests:
            if not isinstance(one, dict):
                self.cluster.apply(one, namespace=self.namespace)

    def kubectl(self, *words: str, check: bool = True) -> str:
        """Run kubectl in the namespace."""
        return self.cluster.kubectl("-n", self.namespace, *words, check=check)

    def ended(self, name: str, *, seconds: float = PATIENCE) -> Object:
        """Wait for the end of a run and return it."""
        return self.history.ended(name, seconds=seconds)

    def kill_and_restart(self) -> None:
        """Kill the operator and start another one; the Lease of the dead is taken away, lest it is waited for."""
        self.operator.kill()
        self.kubectl("delete", "lease", "brood-operator", "--ignore-not-found")
        self.operator.start()

    def denied(self) -> list[str]:
        """Return what the operator asked for in the namespace without the right to; nothing without an audit log."""
        if self.cluster.audit_log is None:
            return []
        asked = requests(self.cluster.audit_log, agent="brood/", namespace=self.namespace)
        return [f"{one.verb} {one.resource} {one.name}" for one in asked if one.code == FORBIDDEN]

    def run(self, tasks: Sequence[Object], *, name: str = "", params: Object | None = None, **spec: Any) -> str:
        """Apply a definition with these tasks and a run of it, and return the name of both."""
        name = name or fresh()
        self.apply(definition(name, tasks, **spec), run(name, name, params=params))
        return name


@contextmanager
def arena(cluster: Cluster, *, options: Sequence[str] = (), labels: dict[str, str] | None = None) -> Iterator[Arena]:
    """Make a namespace, start an operator for it, and follow it."""
    with (
        cluster.namespace(labels=labels) as namespace,
        watching(cluster, namespace) as history,
        operator(cluster, namespace, options=options) as one,
    ):
        yield Arena(cluster=cluster, namespace=namespace, operator=one, history=history)
        roots = "!brood.dev/root-run"  # their children go with them
        cluster.kubectl("delete", "jobruns", "-n", namespace, "-l", roots, "--wait=false", "--ignore-not-found")


def fresh(prefix: str = "r") -> str:
    """Return a name that nothing has."""
    return f"{prefix}-{uuid.uuid4().hex[:6]}"


def definition(name: str, tasks: Sequence[Object], **spec: Any) -> Object:
    """Return a JobDefinition."""
    return {
        "apiVersion": "brood.dev/v1alpha1",
        "kind": "JobDefinition",
        "metadata": {"name": name},
        "spec": {"taskDefaults": {"container": {"image": "alpine"}}, **spec, "tasks": list(tasks)},
    }


def run(name: str, of: str, *, params: Object | None = None, **spec: Any) -> Object:
    """Return a JobRun of a definition."""
    asked: Object = {"definitionRef": {"name": of}, **spec}
    if params is not None:
        asked["params"] = params
    return {"apiVersion": "brood.dev/v1alpha1", "kind": "JobRun", "metadata": {"name": name}, "spec": asked}


def script(name: str, text: str, **task: Any) -> Object:
    """Return a task with a script."""
    return {"name": name, "script": text, **task}


def simulated(name: str, *, seconds: float | None = None, code: int = 0, **task: Any) -> Object:
    """Return a task for a simulated node: how long it runs there, and how it ends."""
    notes = {"kwok.brood.dev/exit-code": str(code)}
    if seconds is not None:
        notes["kwok.brood.dev/run-for"] = f"{int(seconds * 1000)}ms"
    container = {"image": "alpine", "command": ["true"]}
    return {"name": name, "container": container, "podTemplate": {"metadata": {"annotations": notes}}, **task}


def row(found: Object, task: str) -> Object:
    """Return the row of a task in a run's status; empty where there is none yet."""
    rows: list[Object] = found.get("status", {}).get("tasks", [])
    return next((one for one in rows if one["name"] == task), {})


def condition(found: Object, kind: str) -> Object:
    """Return a condition; empty where there is none of that type."""
    conditions: list[Object] = found.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})
