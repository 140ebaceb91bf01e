"""Scenarios in which runs are kept waiting, stopped or made: by people, by a key, by the clock."""

import asyncio
from typing import Final

from brood.cluster.port import Kind, Manifest
from brood.controller.config import Config
from tests.local.faults.node import End
from tests.local.faults.pieces import LONG, definition, ends, run, task
from tests.local.faults.play import Life, Scenario
from tests.local.faults.watched import finished, is_admitted


async def _interrupt(life: Life) -> None:
    await life.when(lambda: life.running("run-1/each[0]/each", "run-1/each[1]/each"))
    await life.when(lambda: all(map(is_admitted, life.runs())))  # a child that does not say so yet is told too
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
        life.store.create(*run(f"run-{number}"))
        await life.when(lambda: is_admitted(life.run("run-1")))


async def _newcomer(life: Life) -> None:
    await life.when(lambda: life.running("run-1/long"))
    life.store.create(*run("run-2"))
    await life.when(lambda: all(map(finished, life.runs())))


async def _replace(life: Life) -> None:
    await life.when(lambda: life.running("run-1/long"))
    life.store.create(*run("run-2"))
    await life.when(lambda: finished(life.run("run-1")))


async def _rerun(life: Life) -> None:
    """Rerun a run that has failed, and delete it when the rerun has ended."""
    await life.when(lambda: finished(life.run("run-1")))
    life.store.create(*run("run-2", rerunOf={"name": "run-1"}))
    await life.when(lambda: finished(life.run("run-2")))
    life.store.delete(Kind.JOB_RUN, "default", "run-1", uid=life.run("run-1")["metadata"]["uid"])


async def _ticks(life: Life) -> None:
    await life.when(lambda: len(life.runs()) == 2)
    life.store.patch(Kind.JOB_DEFINITION, "default", "hello", {"spec": {"suspend": True}})


async def _change(life: Life) -> None:
    await life.when(lambda: len(life.runs()) == 1 and all(map(finished, life.runs())))
    tasks = [task("a"), task("b", "a")]
    life.store.patch(Kind.JOB_DEFINITION, "default", "hello", {"spec": {"tasks": tasks}})
    await life.when(lambda: len(life.runs()) == 2)


async def _revise(life: Life) -> None:
    """Have a revision run four times over; the first two runs go, then the definition, then the third run."""
    for number in range(4):
        life.store.patch(Kind.JOB_DEFINITION, "default", "hello", {"spec": {"tasks": [task(f"task-{number}")]}})
        await life.when(lambda: _is_seen(life.store.get(Kind.JOB_DEFINITION, "default", "hello")))
        life.store.create(*run(f"run-{number}"))
        await life.when(lambda number=number: finished(life.run(f"run-{number}")))  # type: ignore[misc]
    for number in (0, 1):
        life.remove(Kind.JOB_RUN, f"run-{number}")
    await life.when(lambda: _revisions(life) == ["task-1", "task-2", "task-3"])
    life.remove(Kind.JOB_DEFINITION, "hello")
    await life.when(lambda: _revisions(life) == ["task-2", "task-3"])
    life.remove(Kind.JOB_RUN, "run-2")
    await life.when(lambda: _revisions(life) == ["task-3"])


def _is_seen(definition: Manifest) -> bool:
    return bool(definition.get("status", {}).get("observedGeneration") == definition["metadata"]["generation"])


def _revisions(life: Life) -> list[str]:
    return sorted(one["data"]["spec"]["tasks"][0]["name"] for one in life.store.list(Kind.REVISION).items)


async def _edit(life: Life) -> None:
    await life.when(lambda: life.running("run-1/first"))
    life.store.patch(Kind.JOB_DEFINITION, "default", "hello", {"spec": {"tasks": [task("other")]}})


_KEY = {"key": "k", "maxActiveRuns": 1}
_HELD = task("long"), task("after", "long")
_TO_REPLACE = definition(*_HELD, concurrency={**_KEY, "policy": "Replace"})

_RERUN = Scenario(
    "rerun",
    (
        definition(
            task("big", output="BIG", artifacts={"paths": ["big.txt"]}),
            {"name": "apart", "fork": {"definitionRef": {"name": "pair"}}},
            {
                "name": "each",
                "script": "true",
                "parallel": {"items": ["a", "b", "c"], "maxConcurrent": 2},
                "output": "R",
            },
            task("end", "big", "each", output="END", artifactsFrom=["big"]),
            definitions=[{"name": "pair", "tasks": [task("first", output="FIRST"), task("second", "first")]}],
        ),
        run(),
    ),
    lambda at, _: (
        End(stdout="x" * 5000, outputs="MORE=" + "y" * 2000 + "\n", files=(("big.txt", 3),))
        if at.endswith("/big")
        else End(
            code=1 if at in ("run-1/apart/second", "run-1/each[1]/each") else 0,
            stdout="i" * 2000 if "[2]" in at else at.removeprefix("run-1").removeprefix("run-2"),
        )
    ),
    _rerun,
    expect={"run-2#1": "Succeeded", "run-2/apart#1": "Succeeded", "run-2/each[1]#1": "Succeeded"},
)

STEERED: Final = (
    Scenario(
        "replace",
        (_TO_REPLACE, run()),
        lambda at, _: End(seconds=LONG if at == "run-1/long" else 1),
        _replace,
        counts=False,
        expect={"run-1#1": "Cancelled", "run-2#1": "Succeeded"},
    ),
    Scenario(
        "reject",
        (definition(*_HELD, concurrency={**_KEY, "policy": "Reject"}), run()),
        ends(long=End(seconds=LONG)),
        _newcomer,
        expect={"run-1#1": "Succeeded", "run-2#1": "Rejected"},
    ),
    Scenario(
        "queue",
        (definition(*_HELD, concurrency={**_KEY, "policy": "Queue"}),),
        ends(long=End(seconds=30)),
        _queue,
        expect={"run-1#1": "Succeeded", "run-2#1": "Succeeded", "run-3#1": "Succeeded"},
    ),
    Scenario(
        "interrupt",
        (
            definition(
                task("each", parallel={"items": ["a", "b", "c", "d"], "maxConcurrent": 2}, output="R"),
                task("after", "each"),
                handlers={"onCancel": {"script": "true"}, "onExit": {"script": "true"}},
            ),
            run(),
        ),
        lambda at, _: End(stdout=at, seconds=LONG),
        _interrupt,
        counts=False,
        expect={"run-1#1": "Cancelled"},
    ),
    Scenario(
        "terminate",
        (
            definition(
                task("long"),
                {"name": "below", "run": {"definitionRef": {"name": "sub"}}},
                {"name": "apart", "fork": {"definitionRef": {"name": "sub"}}},
                handlers={"onCancel": {"script": "true"}},
                definitions=[{"name": "sub", "tasks": [task("long")]}],
            ),
            run(),
        ),
        ends(long=End(seconds=LONG)),
        _terminate,
        counts=False,
        expect={"run-1#1": "Cancelled", "run-1/below#1": "Cancelled"},
    ),
    Scenario(
        "suspend-and-resume",
        (definition(task("first"), task("second", "first")), run()),
        ends(first=End(seconds=LONG)),
        _suspend,
        counts=False,
        expect={"run-1#1": "Succeeded"},
    ),
    Scenario(
        "schedule-tick",
        (definition(task("a"), schedule={"cron": "* * * * *"}, history={"successful": 5, "failed": 5}),),
        ends(a=End(seconds=3)),
        _ticks,
    ),
    Scenario(
        "schedule-on-change",
        (definition(task("a"), schedule={"onChange": True}),),
        users=_change,
    ),
    Scenario(
        "definition-edited",
        (definition(task("first"), task("second", "first")), run()),
        ends(first=End(seconds=LONG)),
        _edit,
        expect={"run-1#1": "Succeeded"},
    ),
    Scenario(
        "revisions-collected",
        (definition(task("first")),),
        users=_revise,
        config=Config(revision_history=1),
        expect={"run-3#1": "Succeeded"},
    ),
    Scenario(
        "deadline",
        (definition(task("long"), task("after", "long"), activeDeadlineSeconds=int(LONG)), run()),
        ends(long=End(seconds=3 * LONG)),
        counts=False,
        stays=False,
        expect={"run-1#1": "Failed"},
    ),
    _RERUN,
)
