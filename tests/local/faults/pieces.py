"""What scenarios are made of: definitions, runs, tasks, and how containers end."""

from collections.abc import Callable
from typing import Any, Final

from brood.cluster.port import Kind, Manifest
from tests import manifests
from tests.local.faults.node import End

LONG = 900.0
"""Seconds that a container takes which somebody shuts down: longer than any operator is away."""

ONE: Final[dict[str, Any]] = {
    "name": "one",
    "params": [{"name": "ITEM"}],
    "tasks": [{"name": "do", "script": "true", "output": "DID"}],
}


def definition(*tasks: dict[str, Any], name: str = "hello", **spec: Any) -> tuple[Kind, Manifest]:
    return Kind.JOB_DEFINITION, manifests.definition(name, tasks=list(tasks), **spec)


def run(name: str = "run-1", **spec: Any) -> tuple[Kind, Manifest]:
    return Kind.JOB_RUN, manifests.run(name, **spec)


def task(name: str, *after: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "script": "true", **({"dependsOn": list(after)} if after else {}), **more}


def ends(**ends: Callable[[int], End] | End) -> Callable[[str, int], End]:
    """Return the end of a container by the last part of its place; everything else writes its place."""

    def script(at: str, before: int) -> End:
        task = at.rpartition("/")[2].replace("-", "_")
        end = ends.get(task, End(stdout=at))
        return end(before) if callable(end) else end

    return script


def flaky(failures: int, end: End | None = None) -> Callable[[int], End]:
    return lambda before: End(code=3) if before < failures else end or End()
