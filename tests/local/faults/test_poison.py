"""Objects that no API server would let in: each costs its own key a condition, and no healthy run anything."""

import asyncio
import copy
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brood.api.names import object_name, pod_name
from brood.cluster.local.store import ObjectStore
from brood.cluster.port import Kind, Manifest
from tests import manifests
from tests.local.faults.clock import run
from tests.local.faults.node import End
from tests.local.faults.play import Life, Scenario, play
from tests.local.faults.watched import finished

COUNT = 500
WRONG: tuple[Any, ...] = (
    None, 0, -1, 2**70, 1.5, True, "", "x", "\x00", "9" * 400, "2026-13-45T99:99:99Z", [], [None], [[]], {}, {"": None},
    {"name": 7}, [{"name": "a"}, {"name": "a"}], "{{ outputs.NOPE }}", "Ünïcode", [1, "a", {}],
)  # fmt: skip
STATUS: Manifest = {
    "observedGeneration": 1,
    "phase": "Running",
    "conditions": [{"type": "Admitted", "status": "True", "reason": "Admitted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    "startTime": "2026-01-01T00:00:00Z",
    "summary": {"total": 1, "pending": 1, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "skipped": 0},
    "tasks": [{"name": "each", "phase": "Running", "attempt": 1, "items": {"total": 2, "completedIndexes": "0"}}],
    "outputs": {"A": "b"},
    "outputRefs": {"C": {"configMap": "nope", "key": "C"}},
    "revision": "healthy-aaaaaaaaaa",
}  # fmt: skip


def _whole(draw: random.Random, number: int) -> tuple[Kind, Manifest]:
    """Return an object that is nearly right."""
    name = f"poison-{number}"
    kind = draw.choice((Kind.JOB_DEFINITION, Kind.JOB_RUN, Kind.JOB_RUN, Kind.POD, Kind.POD))
    labels = {
        "app.kubernetes.io/managed-by": "brood", "brood.dev/run": draw.choice(("healthy", name)),
        "brood.dev/root-run": "healthy", "brood.dev/task": "each", "brood.dev/attempt": "1", "brood.dev/index": "0",
    }  # fmt: skip
    if kind is Kind.JOB_DEFINITION:
        made = manifests.definition(
            name, tasks=[{"name": "a", "script": "true", "parallel": {"items": [1]}}, {"name": "b", "dependsOn": ["a"]}],
            params=[{"name": "P", "default": "x"}], concurrency={"key": "k"}, schedule={"cron": "* * * * *"},
        )  # fmt: skip
        made["status"] = {"observedGeneration": 1, "conditions": STATUS["conditions"], "revision": "r", "activeRuns": 1}
    elif kind is Kind.JOB_RUN:
        made = manifests.run(name, meta={"name": name, "labels": labels if draw.random() < 0.5 else {}})
        made["spec"] = {"definitionRef": {"name": "healthy"}, "params": {"P": "x"}, "priority": 0}
        if draw.random() < 0.5:
            made["spec"]["parentRef"] = {"name": "healthy", "uid": "u", "task": "each", "index": 1}
        made["status"] = copy.deepcopy(STATUS)
    else:
        made = manifests.pod(name, meta={"name": name, "labels": labels, "annotations": {"brood.dev/nonce": "n"}})
        made["metadata"]["finalizers"] = ["brood.dev/result"]
        ended = {
            "terminated": {"exitCode": 0, "message": "brood1 n 0 c 1 0 0 0 0\nx", "finishedAt": "2026-01-01T00:00:00Z"}
        }
        made["status"] = {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "main", "state": ended}],
            "conditions": [],
        }
    if draw.random() < 0.9:  # else it is told from what brood made by its name
        _name_as_made(kind, made, number)
    owner = {"apiVersion": "brood.dev/v1alpha1", "kind": "JobRun", "name": "healthy", "uid": "u", "controller": True}
    made["metadata"] |= {"namespace": "default", "uid": f"uid-{number}", "generation": 1}
    made["metadata"] |= {
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "ownerReferences": [owner] if draw.random() < 0.5 else [],
    }
    return kind, made


def _name_as_made(kind: Kind, made: Manifest, number: int) -> None:
    meta, parent = made["metadata"], made["spec"].get("parentRef")
    if kind is Kind.POD:
        meta["labels"]["brood.dev/attempt"] = str(number + 1)
        run = meta["labels"]["brood.dev/run"]
        meta["name"] = pod_name(run, "u", task="each", handler=False, attempt=number + 1)
    elif parent is not None:
        parent["index"] = number
        meta["name"] = object_name(parent["name"], parent["uid"], task="each", index=number, attempt=1)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in inner for place in ((*at, key), *_places(one, (*at, key)))]


def _spoil(draw: random.Random, made: Manifest) -> None:
    """Take something out, or put something wrong in; name and namespace are the store's own."""
    kept: set[tuple[Any, ...]] = {
        ("metadata",),
        ("metadata", "name"),
        ("metadata", "namespace"),
        ("metadata", "uid"),
        ("kind",),
        ("apiVersion",),
    }
    kept |= {("status",)} if draw.random() < 0.9 else set()
    kept |= {
        ("metadata", "ownerReferences"),
        ("metadata", "ownerReferences", 0),
        ("metadata", "ownerReferences", 0, "uid"),
    }
    for _ in range(draw.randint(1, 3)):
        places = [one for one in _places(made) if one not in kept]  # what the store itself hangs on stays whole
        place = draw.choice(places)
        inside: Any = made
        for key in place[:-1]:
            inside = inside[key]
        if draw.random() < 0.3:
            del inside[place[-1]]
        else:
            inside[place[-1]] = copy.deepcopy(draw.choice(WRONG))

    labels = made["metadata"].get("labels")  # the store selects by them: their values may be anything, their shape not
    found = labels.items() if isinstance(labels, dict) else ()
    made["metadata"]["labels"] = {key: value if isinstance(value, str) else str(value) for key, value in found}


def _smuggle(store: ObjectStore, kind: Kind, made: Manifest) -> None:
    """Put an object into the store behind all that it checks."""
    store._put(kind, made, None)


def _poisoner(seed: int, count: int) -> Callable[[Life], Any]:
    async def poison(life: Life) -> None:
        draw = random.Random(seed)  # noqa: S311 - to repeat
        for number in range(count):
            kind, made = _whole(draw, number)
            _spoil(draw, made)
            _smuggle(life.store, kind, made)
            if number % 50 == 0:
                await asyncio.sleep(0.5)
                name = f"healthy-{number}"
                life.store.create(Kind.JOB_RUN, manifests.run(name, definitionRef={"name": "healthy"}))
        names = [one["metadata"]["name"] for one in life.runs()]
        healthy = [one for one in names if re.fullmatch(r"healthy-\d+", one)]
        life.patience = 600
        await life.when(lambda: all(finished(life.run(one)) for one in healthy))
        found = {one: life.run(one)["status"] for one in healthy}
        assert {one["phase"] for one in found.values()} == {"Succeeded"}, found
        assert life.controller is not None
        assert not any(task.done() for task in life.controller._tasks), "a watch or the workers have ended"

    return poison


@pytest.mark.parametrize("seed", range(5))
def test_poison_costs_healthy_runs_nothing(
    seed: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    tasks = [
        {"name": "each", "script": "true", "parallel": {"items": ["a", "b"]}},
        {"name": "end", "dependsOn": ["each"]},
    ]
    scenario = Scenario(
        "poison",
        ((Kind.JOB_DEFINITION, manifests.definition("healthy", tasks=tasks)),),
        lambda _at, _before: End(),
        users=_poisoner(seed, COUNT // 5),
        checks=False,
    )
    errors: list[str] = []

    async def whole() -> None:
        life = await play(scenario, tmp_path, until_users=True)
        errors.extend(life.errors)
        assert len(life.processes) == 1

    run(whole(), seed=seed)
    record_property("figure", f"poison: {COUNT // 5} malformed objects")
    assert not errors, "\n".join(errors)
