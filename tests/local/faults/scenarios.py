"""The scenarios that are played under faults, each small, together most of what the contract says."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from brood.cluster.port import Kind, Manifest
from tests import manifests
from tests.local.faults.node import End
from tests.local.faults.play import Life, Scenario, finished, is_admitted

LONG = 900.0
"""Seconds that a container takes which somebody shuts down: longer than any operator is away."""

ONE: Final[dict[str, Any]] = {
    "name": "one",
    "params": [{"name": "ITEM"}],
    "tasks": [{"name": "do", "script": "true", "output": "DID"}],
}


def _definition(*tasks: dict[str, Any], name: str = "hello", **spec: Any) -> tuple[Kind, Manifest]:
    return Kind.JOB_DEFINITION, manifests.definition(name, tasks=list(tasks), **spec)


def _run(name: str = "run-1", **spec: Any) -> tuple[Kind, Manifest]:
    return Kind.JOB_RUN, manifests.run(name, **spec)


def _task(name: str, *after: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "script": "true", **({"dependsOn": list(after)} if after else {}), **more}


def _ends(**ends: Callable[[int], End] | End) -> Callable[[str, int], End]:
    """Return the end of a container by the last part of its place; everything else writes its place."""

    def script(at: str, before: int) -> End:
        task = at.rpartition("/")[2].replace("-", "_")
        end = ends.get(task, End(stdout=at))
        return end(before) if callable(end) else end

    return script


def _flaky(failures: int, end: End | None = None) -> Callable[[int], End]:
    return lambda before: End(code=3) if before < failures else end or End()


# --- what users do ---


async def _interrupt(life: Life) -> None:
    await life.when(lambda: life.running("run-1/each[0]/each", "run-1/each[1]/each"))
    await life.patch("run-1", shutdown="Interrupt")


async def _terminate(life: Life) -> None:
    await life.when(lambda: life.running("run-1/long", "run-1/below/long", "run-1/apart/long"))
    await life.patch("run-1", shutdown="Terminate")


async def _suspend(life: Life) -> None:
    await life.when(lambda: life.running("run-1/first"))
    await life.patch("run-1", suspend=True)
    await asyncio.sleep(LONG * 2)
    await life.patch("run-1", suspend=False)


async def _queue(life: Life) -> None:
    for number in (1, 2, 3):
        life.store.create(*_run(f"run-{number}"))
        await life.when(lambda: is_admitted(life.run("run-1")))


async def _newcomer(life: Life) -> None:
    await life.when(lambda: life.running("run-1/long"))
    life.store.create(*_run("run-2"))
    await life.when(lambda: all(map(finished, life.runs())))


async def _replace(life: Life) -> None:
    await life.when(lambda: life.running("run-1/long"))
    life.store.create(*_run("run-2"))
    await life.when(lambda: finished(life.run("run-1")))


async def _ticks(life: Life) -> None:
    await life.when(lambda: len(life.runs()) == 2)
    life.store.patch(Kind.JOB_DEFINITION, "default", "hello", {"spec": {"suspend": True}})


async def _change(life: Life) -> None:
    await life.when(lambda: len(life.runs()) == 1 and all(map(finished, life.runs())))
    tasks = [_task("a"), _task("b", "a")]
    life.store.patch(Kind.JOB_DEFINITION, "default", "hello", {"spec": {"tasks": tasks}})
    await life.when(lambda: len(life.runs()) == 2)


async def _edit(life: Life) -> None:
    await life.when(lambda: life.running("run-1/first"))
    life.store.patch(Kind.JOB_DEFINITION, "default", "hello", {"spec": {"tasks": [_task("other")]}})


_FORKS = Scenario(
    "fork-and-await",
    (
        _definition(
            _task("list", output="ITEMS"),
            {
                "name": "apart",
                "dependsOn": ["list"],
                "fork": {"definitionRef": {"name": "one"}, "params": {"ITEM": "z"}},
            },
            {
                "name": "many",
                "fork": {"definitionRef": {"name": "one"}},
                "parallel": {"items": ["a", "b", "c"], "maxConcurrent": 2},
            },
            {"name": "join", "await": {"tasks": ["apart", "many"]}},
            _task("end", "join", output="TOLD"),
            definitions=[ONE],
        ),
        _run(),
    ),
    _ends(),
    expect={"run-1#1": "Succeeded"},
)

_FAILURES = Scenario(
    "parallel-with-failures",
    (
        _definition(
            _task("list", output="ITEMS"),
            {
                "name": "each",
                "run": {"definitionRef": {"name": "one"}},
                "parallel": {"itemsFrom": "{{ outputs.ITEMS }}", "maxConcurrent": 2, "maxFailures": 2},
                "output": "RESULTS",
            },
            _task("end", "each", output="TOLD"),
            definitions=[ONE],
        ),
        _run(),
    ),
    lambda at, _: (
        End(stdout="a b c d e")
        if at.endswith("/list")
        else End(code=1 if "[1]" in at or "[3]" in at else 0, stdout=at, seconds=1.0 + len(at) % 3)
    ),
    expect={"run-1#1": "PartiallySucceeded"},
)

_ITEM_RETRY = Scenario(
    "item-retry",
    (
        _definition(
            _task(
                "each",
                parallel={"items": ["a", "b", "c"], "maxConcurrent": 2},
                retryPolicy={"limit": 2, "intervalSeconds": 5},
                output="RESULTS",
            )
        ),
        _run(),
    ),
    lambda at, before: End(code=7 if "[1]" in at and before < 2 else 0, stdout=at),
    expect={"run-1#1": "Succeeded"},
)

_BACKOFF = Scenario(
    "retry-with-back-off",
    (
        _definition(
            _task("flaky", retryPolicy={"limit": 3, "intervalSeconds": 20, "backoffFactor": 2}),
            _task("after", "flaky"),
            {
                "name": "child",
                "run": {"definitionRef": {"name": "one"}},
                "retryPolicy": {"limit": 1, "intervalSeconds": 30},
            },
            definitions=[ONE],
        ),
        _run(),
    ),
    _ends(flaky=_flaky(3), do=_flaky(1, End(stdout="done"))),
    expect={"run-1#1": "Succeeded"},
)

_HANDLERS = Scenario(
    "routes-and-handlers",
    (
        _definition(
            _task("bad", onExitCode=[{"codes": [3], "task": "mend"}]),
            _task("mend"),
            _task("soft", continueOn={"failure": True}),
            _task("end", "soft"),
            _task("never", "bad"),
            handlers={"onSuccess": {"script": "true"}, "onExit": {"script": "false"}},
        ),
        _run(),
    ),
    _ends(bad=End(code=3), soft=End(code=4), onExit=End(code=1)),
    expect={"run-1#1": "PartiallySucceeded"},
)

_LARGE = Scenario(
    "large-outputs",
    (
        _definition(
            _task("big", output="BIG"),
            _task("small", output="SMALL"),
            {
                "name": "each",
                "dependsOn": ["big"],
                "script": "true",
                "parallel": {"items": ["a", "b"]},
                "env": [{"name": "FROM", "value": "{{ outputs.SMALL }}"}],
                "output": "ALL",
            },
            _task("end", "each", output="END"),
        ),
        _run(),
    ),
    _ends(
        big=End(stdout="x\n" * 30_000 + "y", outputs="MORE=" + "z" * 5000 + "\n"),
        small=End(stdout="s"),
        each=End(stdout="e" * 40_000),
    ),
    expect={"run-1#1": "Succeeded"},
)

_ARTIFACTS = Scenario(
    "artifacts",
    (
        _definition(
            _task("make", artifacts={"paths": ["out/*.txt"]}),
            _task("use", artifactsFrom=["make"], output="URL"),
            {"name": "below", "dependsOn": ["use"], "run": {"definitionRef": {"name": "keeps"}}},
            definitions=[{"name": "keeps", "tasks": [_task("keep", artifacts={"paths": ["k"]})]}],
            artifacts={"storage": "1Gi", "retain": "OnFailure"},
        ),
        _run(),
    ),
    _ends(make=End(files=(("out/a.txt", 5), ("out/b.txt", 7))), use=End(stdout="u"), keep=End(files=(("k", 1),))),
    expect={"run-1#1": "Succeeded"},
)

_POOLS = Scenario(
    "pools",
    (
        _definition(
            _task("a", pools=["gpu"]),
            _task("b", pools=["gpu", "db"]),
            _task("c", pools=["db"], parallel={"items": ["x", "y"]}),
        ),
        _run(),
        _run("run-2"),
    ),
    expect={"run-1#1": "Succeeded", "run-2#1": "Succeeded"},
)

_NESTED = Scenario(
    "nested-parallel",
    (
        _definition(
            {
                "name": "outer",
                "run": {"definitionRef": {"name": "inner"}},
                "parallel": {"items": ["a", "b"]},
                "output": "O",
            },
            definitions=[
                {
                    "name": "inner",
                    "params": [{"name": "X"}],
                    "tasks": [_task("leaf", parallel={"items": [1, 2, 3], "maxConcurrent": 2}, output="L")],
                }
            ],
        ),
        _run(),
    ),
    lambda at, _: End(stdout=at),
    expect={"run-1#1": "Succeeded"},
)

_KEY = {"key": "k", "maxActiveRuns": 1}
_HELD = _task("long"), _task("after", "long")
_TO_REPLACE = _definition(*_HELD, concurrency={**_KEY, "policy": "Replace"})

SCENARIOS: Final[tuple[Scenario, ...]] = (
    _FORKS,
    _FAILURES,
    _ITEM_RETRY,
    _BACKOFF,
    _HANDLERS,
    _LARGE,
    _ARTIFACTS,
    _POOLS,
    _NESTED,
    Scenario(
        "replace",
        (_TO_REPLACE, _run()),
        lambda at, _: End(seconds=LONG if at == "run-1/long" else 1),
        _replace,
        counts=False,
        max_active=1,
        expect={"run-1#1": "Cancelled", "run-2#1": "Succeeded"},
    ),
    Scenario(
        "reject",
        (_definition(*_HELD, concurrency={**_KEY, "policy": "Reject"}), _run()),
        _ends(long=End(seconds=LONG)),
        _newcomer,
        max_active=1,
        expect={"run-1#1": "Succeeded", "run-2#1": "Rejected"},
    ),
    Scenario(
        "queue",
        (_definition(*_HELD, concurrency={**_KEY, "policy": "Queue"}),),
        _ends(long=End(seconds=30)),
        _queue,
        max_active=1,
        expect={"run-1#1": "Succeeded", "run-2#1": "Succeeded", "run-3#1": "Succeeded"},
    ),
    Scenario(
        "interrupt",
        (
            _definition(
                _task("each", parallel={"items": ["a", "b", "c", "d"], "maxConcurrent": 2}, output="R"),
                _task("after", "each"),
                handlers={"onCancel": {"script": "true"}, "onExit": {"script": "true"}},
            ),
            _run(),
        ),
        lambda at, _: End(stdout=at, seconds=LONG),
        _interrupt,
        counts=False,
        expect={"run-1#1": "Cancelled"},
    ),
    Scenario(
        "terminate",
        (
            _definition(
                _task("long"),
                {"name": "below", "run": {"definitionRef": {"name": "sub"}}},
                {"name": "apart", "fork": {"definitionRef": {"name": "sub"}}},
                handlers={"onCancel": {"script": "true"}},
                definitions=[{"name": "sub", "tasks": [_task("long")]}],
            ),
            _run(),
        ),
        _ends(long=End(seconds=LONG)),
        _terminate,
        counts=False,
        expect={"run-1#1": "Cancelled", "run-1/below#1": "Cancelled"},
    ),
    Scenario(
        "suspend-and-resume",
        (_definition(_task("first"), _task("second", "first")), _run()),
        _ends(first=End(seconds=LONG)),
        _suspend,
        expect={"run-1#1": "Succeeded"},
    ),
    Scenario(
        "schedule-tick",
        (_definition(_task("a"), schedule={"cron": "* * * * *"}, history={"successful": 5, "failed": 5}),),
        _ends(a=End(seconds=3)),
        _ticks,
    ),
    Scenario(
        "schedule-on-change",
        (_definition(_task("a"), schedule={"onChange": True}),),
        users=_change,
    ),
    Scenario(
        "definition-edited",
        (_definition(_task("first"), _task("second", "first")), _run()),
        _ends(first=End(seconds=LONG)),
        _edit,
        expect={"run-1#1": "Succeeded"},
    ),
    Scenario(
        "deadline",
        (_definition(_task("long"), _task("after", "long"), activeDeadlineSeconds=int(LONG)), _run()),
        _ends(long=End(seconds=3 * LONG)),
        counts=False,
        stays=False,
        expect={"run-1#1": "Failed"},
    ),
)

BY_NAME: Final = {one.name: one for one in SCENARIOS}
