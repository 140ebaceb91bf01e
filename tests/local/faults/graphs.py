"""Scenarios in which a run goes its way: together most of what tasks can do."""

from typing import Final

from tests.local.faults.node import End
from tests.local.faults.pieces import ONE, definition, ends, flaky, run, task
from tests.local.faults.play import Scenario

_FORKS = Scenario(
    "fork-and-await",
    (
        definition(
            task("list", output="ITEMS"),
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
            task("end", "join", output="TOLD"),
            definitions=[ONE],
        ),
        run(),
    ),
    ends(),
    expect={"run-1#1": "Succeeded"},
)

_FAILURES = Scenario(
    "parallel-with-failures",
    (
        definition(
            task("list", output="ITEMS"),
            {
                "name": "each",
                "run": {"definitionRef": {"name": "one"}},
                "parallel": {"itemsFrom": "{{ outputs.ITEMS }}", "maxConcurrent": 2, "maxFailures": 2},
                "output": "RESULTS",
            },
            task("end", "each", output="TOLD"),
            definitions=[ONE],
        ),
        run(),
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
        definition(
            task(
                "each",
                parallel={"items": ["a", "b", "c"], "maxConcurrent": 2},
                retryPolicy={"limit": 2, "intervalSeconds": 5},
                output="RESULTS",
            )
        ),
        run(),
    ),
    lambda at, before: End(code=7 if "[1]" in at and before < 2 else 0, stdout=at),
    expect={"run-1#1": "Succeeded"},
)

_BACKOFF = Scenario(
    "retry-with-back-off",
    (
        definition(
            task("flaky", retryPolicy={"limit": 3, "intervalSeconds": 20, "backoffFactor": 2}),
            task("after", "flaky"),
            {
                "name": "child",
                "run": {"definitionRef": {"name": "one"}},
                "retryPolicy": {"limit": 1, "intervalSeconds": 30},
            },
            definitions=[ONE],
        ),
        run(),
    ),
    ends(flaky=flaky(3), do=flaky(1, End(stdout="done"))),
    expect={"run-1#1": "Succeeded"},
)

_HANDLERS = Scenario(
    "routes-and-handlers",
    (
        definition(
            task("bad", onExitCode=[{"codes": [3], "task": "mend"}]),
            task("mend"),
            task("soft", continueOn={"failure": True}),
            task("end", "soft"),
            task("never", "bad"),
            handlers={"onSuccess": {"script": "true"}, "onExit": {"script": "false"}},
        ),
        run(),
    ),
    ends(bad=End(code=3), soft=End(code=4), onExit=End(code=1)),
    expect={"run-1#1": "PartiallySucceeded"},
)

_LARGE = Scenario(
    "large-outputs",
    (
        definition(
            task("big", output="BIG"),
            task("small", output="SMALL"),
            {
                "name": "each",
                "dependsOn": ["big"],
                "script": "true",
                "parallel": {"items": ["a", "b"]},
                "env": [{"name": "FROM", "value": "{{ outputs.SMALL }}"}],
                "output": "ALL",
            },
            task("end", "each", output="END"),
        ),
        run(),
    ),
    ends(
        big=End(stdout="x\n" * 30_000 + "y", outputs="MORE=" + "z" * 5000 + "\n"),
        small=End(stdout="s"),
        each=End(stdout="e" * 40_000),
    ),
    expect={"run-1#1": "Succeeded"},
)

_ARTIFACTS = Scenario(
    "artifacts",
    (
        definition(
            task("make", artifacts={"paths": ["out/*.txt"]}),
            task("use", artifactsFrom=["make"], output="URL"),
            {"name": "below", "dependsOn": ["use"], "run": {"definitionRef": {"name": "keeps"}}},
            definitions=[{"name": "keeps", "tasks": [task("keep", artifacts={"paths": ["k"]})]}],
            artifacts={"storage": "1Gi", "retain": "OnFailure"},
        ),
        run(),
    ),
    ends(make=End(files=(("out/a.txt", 5), ("out/b.txt", 7))), use=End(stdout="u"), keep=End(files=(("k", 1),))),
    expect={"run-1#1": "Succeeded"},
)

_POOLS = Scenario(
    "pools",
    (
        definition(
            task("a", pools=["gpu"]),
            task("b", pools=["gpu", "db"]),
            task("c", pools=["db"], parallel={"items": ["x", "y"]}),
        ),
        run(),
        run("run-2"),
    ),
    expect={"run-1#1": "Succeeded", "run-2#1": "Succeeded"},
)

_NESTED = Scenario(
    "nested-parallel",
    (
        definition(
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
                    "tasks": [task("leaf", parallel={"items": [1, 2, 3], "maxConcurrent": 2}, output="L")],
                }
            ],
        ),
        run(),
    ),
    lambda at, _: End(stdout=at),
    expect={"run-1#1": "Succeeded"},
)

GRAPHS: Final = (_FORKS, _FAILURES, _ITEM_RETRY, _BACKOFF, _HANDLERS, _LARGE, _ARTIFACTS, _POOLS, _NESTED)
