"""Random definitions on the local cluster, with real processes: tasks and runs end as the contract's words say, and nothing else."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from brood.cluster.port import Kind, Manifest
from tests.local.acceptance.lab import lab
from tests.local.acceptance.manifests import condition, rows
from tests.local.acceptance.model import Step, expected

DEFINITIONS = 60
"""Of each seed; they run at the same time."""

CODES = [0, 0, 0, 3, 4]
BODIES = ["junction", "pod", "pod", "pod", "script", "run", "fork", "items", "fork-items"]
HANDLERS = ("onSuccess", "onFailure", "onCancel", "onExit")


def ends(name: str, command: str, **more: Any) -> Manifest:
    return {
        "name": name,
        "params": [{"name": "CODE", "default": 0}],
        "tasks": [{"name": "x", **script(command), **more}],
    }


def script(command: str) -> Manifest:
    return {"container": {"command": ["sh", "-c", command]}}


LOCAL = [
    *(ends(f"ends-{code}", f"exit {code}") for code in (0, 3, 4)),
    ends("ends-as-told", "exit ${CODE%-*}"),
    ends("partial", "exit 1", continueOn={"failure": True}),
]


def some(dice: random.Random, names: list[str], most: int = 2) -> list[str]:
    return dice.sample(names, min(len(names), dice.randint(0, most)))


def random_step(dice: random.Random, name: str, before: list[Step]) -> Step:
    names = [one.name for one in before]
    forks = [one.name for one in before if one.body.startswith("fork")]
    body = dice.choice([*BODIES, "await" if forks else "pod"])
    step = Step(name, body, depends_on=some(dice, names))
    if body in ("items", "fork-items"):
        step.codes = [dice.choice(CODES) for _ in range(dice.randint(0, 3))]
        step.max_failures = dice.choice([0, 0, 1]) if body == "items" else 0
    elif body == "await":
        step.forks = dice.sample(forks, dice.randint(1, len(forks)))
    elif body != "junction":
        step.codes = [dice.choice(CODES)]
    if body in ("pod", "script", "items") and dice.random() < 0.3:
        step.retries, step.then, step.retried = dice.randint(1, 2), dice.choice(CODES), dice.choice([[], [3], [3, 4]])
    if body in ("run", "fork") and dice.random() < 0.2:
        step.partial, step.codes = True, [0]
    if names and dice.random() < 0.2:
        step.when = dice.choice(names), dice.choice(["Succeeded", "Failed", "Skipped"])
    if dice.random() < 0.4:
        rule: dict[str, Any] = dice.choice(
            [{"failure": True}, {"exitCodes": [3]}, {"skipped": True}, {"failure": True, "skipped": True}]
        )
        step.continue_on = dict(rule)
        if dice.random() < 0.3 and (rule.get("failure") or rule.get("exitCodes")):
            step.continue_on["markSuccess"] = True
    return step


def random_steps(seed: int) -> list[Step]:
    """Return tasks in an order in which all edges lead forward."""
    dice = random.Random(seed)  # noqa: S311 - the same definitions every time
    steps: list[Step] = []
    for number in range(dice.randint(2, 8)):
        steps.append(random_step(dice, f"t{number}", steps))
    for at, step in enumerate(steps[:-1]):
        later = [one.name for one in steps[at + 1 :]]
        if dice.random() < 0.3:
            step.on_succeeded = dice.choice(later)
        if dice.random() < 0.3:
            step.on_failed = dice.choice(later)
        if dice.random() < 0.3 and step.body in ("pod", "script", "run"):
            step.on_exit_code = [([4, 9], dice.choice(later)), (dice.choice([[0], [3, 4]]), dice.choice(later))]
    return steps


def task(step: Step) -> Manifest:
    code = step.codes[0] if step.codes else 0
    written: Manifest = {"name": step.name, "dependsOn": step.depends_on}
    items = [f"{one}-{at}" for at, one in enumerate(step.codes)]
    later = f"[ $BROOD_ATTEMPT = 1 ] || exit {step.then}; "
    match step.body:
        case "pod":
            written["container"] = {"command": ["sh", "-c", f"{later}exit {code}"]}
        case "script":
            written["script"] = f"{later}exit {code}"
        case "run" | "fork":
            written[step.body] = {"definitionRef": {"name": "partial" if step.partial else f"ends-{code}"}}
        case "await":
            written["await"] = {"tasks": step.forks}
        case "items":
            written["container"] = {"command": ["sh", "-c", later + "exit ${BROOD_ITEM%-*}"]}
            written["parallel"] = {"items": items, "maxFailures": step.max_failures}
        case "fork-items":
            written["fork"] = {"definitionRef": {"name": "ends-as-told"}}
            written["parallel"] = {"items": items, "maxConcurrent": 2}
    if step.retries:
        written["retryPolicy"] = {"limit": step.retries, "intervalSeconds": 0}
        written["retryPolicy"] |= {"exitCodes": step.retried} if step.retried else {}
    written |= {"onSucceeded": step.on_succeeded} if step.on_succeeded else {}
    written |= {"onFailed": step.on_failed} if step.on_failed else {}
    written |= {"continueOn": step.continue_on} if step.continue_on else {}
    if step.on_exit_code:
        written["onExitCode"] = [{"codes": codes, "task": to} for codes, to in step.on_exit_code]
    if step.when:
        written["when"] = f"{{{{ tasks['{step.when[0]}'].phase == '{step.when[1]}' }}}}"
    return written


def manifest(seed: int, steps: list[Step]) -> str:
    """Return the definition and a run of it; the list is in any order, with few slots or many."""
    dice = random.Random(-seed)  # noqa: S311
    tasks = [task(step) for step in steps]
    dice.shuffle(tasks)
    spec: Manifest = {"tasks": tasks, "taskDefaults": {"container": {"image": "alpine"}}, "definitions": LOCAL}
    if dice.random() < 0.3:
        spec["handlers"] = {name: script("exit 1") for name in HANDLERS}
    if dice.random() < 0.5:
        spec["maxActiveTasks"] = dice.randint(1, 3)
    api, name = "brood.dev/v1alpha1", f"random-{seed}"
    made = {"apiVersion": api, "kind": "JobDefinition", "metadata": {"name": name}, "spec": spec}
    run = {"apiVersion": api, "kind": "JobRun", "metadata": {"name": name}, "spec": {"definitionRef": {"name": name}}}
    return f"---\n{json.dumps(made)}\n---\n{json.dumps(run)}\n"


def outcome(run: Manifest) -> tuple[dict[str, tuple[str, str, int | None]], str]:
    """Return what of a finished run does not depend on time."""
    found = {
        name: (row["phase"], row.get("reason", ""), row.get("exitCode") if row["phase"] != "Skipped" else None)
        for name, row in rows(run).items()
    }
    return found, run["status"]["phase"]


@pytest.mark.parametrize("first", [0, 1000])
async def test_random_definitions_end_as_the_contract_says(tmp_path: Path, first: int) -> None:
    seeds = range(first, first + DEFINITIONS)
    random_ones = {seed: random_steps(seed) for seed in seeds}
    async with lab(tmp_path) as here:
        for seed, steps in random_ones.items():
            await here.apply(manifest(seed, steps))
        for seed, steps in random_ones.items():
            run = await here.ended(f"random-{seed}")
            foreseen, phase = expected(steps)
            told = {name: (end.phase, end.reason, end.code) for name, end in foreseen.items()}
            assert outcome(run) == (told, phase), f"{manifest(seed, steps)}\n{condition(run, 'Succeeded')}"
            summary = run["status"]["summary"]
            counted = {
                one: sum(end.phase == one for end in foreseen.values()) for one in ("Succeeded", "Failed", "Skipped")
            }
            assert {one: summary[one.lower()] for one in counted} == counted
            assert run["status"]["progress"] == f"{len(steps)}/{len(steps)}"
            if "handlers" in (await here.get(f"random-{seed}", Kind.JOB_DEFINITION))["spec"]:
                wanted = ["onFailure" if phase == "Failed" else "onSuccess", "onExit"]
                assert [name for name, row in rows(run, "handlers").items() if row["phase"] == "Failed"] == wanted
                assert condition(run, "HandlersSucceeded")["status"] == "False"
        live = [
            pod for pod in await here.objects(Kind.POD) if pod["status"].get("phase") not in ("Succeeded", "Failed")
        ]
        assert live == []
