"""Random crowds: several root runs of several definitions that call each other, and share keys, pools and the namespace's limits."""

from dataclasses import dataclass
from random import Random
from typing import Any

from brood.engine.locks import SlotState

Json = dict[str, Any]
POOLS = ("gpu", "db", "disk")
KEYS = ("one", "two")


@dataclass(frozen=True)
class Crowd:
    """Definitions by name, the root runs (name, definition, priority) in the order of their creation, and the operator's limits."""

    definitions: dict[str, Json]
    runs: tuple[tuple[str, str, int], ...]
    limits: SlotState


def crowd(seed: int) -> Crowd:
    """Return the crowd of a seed. A definition calls only those after it, so trees have an end."""
    random = Random(f"crowd {seed}")  # noqa: S311 - to repeat
    names = [f"d{at}" for at in range(random.randint(2, 3))]
    definitions = {name: _definition(random, names[at + 1 :]) for at, name in enumerate(names)}
    runs = tuple((f"run-{at}", random.choice(names), random.choice([0, 0, 5])) for at in range(random.randint(2, 4)))
    limits = SlotState(
        sizes={pool: random.randint(1, 2) for pool in POOLS if random.random() < 0.5},  # the others are mutexes
        max_pods=random.choice([None, 1, 2, 3]),
        max_runs=random.choice([None, None, 1, 2]),
        max_volumes=random.choice([None, 1, 2]),
    )
    return Crowd(definitions, runs, limits)


def _definition(random: Random, callees: list[str]) -> Json:
    tasks: list[Json] = []
    for at in range(random.randint(1, 4)):
        task = {"name": f"t{at}", **_body(random, callees, [one["name"] for one in tasks if "fork" in one])}
        before = [one["name"] for one in tasks]
        if before and random.random() < 0.4:
            task["dependsOn"] = random.sample(before, k=random.randint(1, min(2, len(before))))
        if random.random() < 0.3:
            task["continueOn"] = {"failure": True}
        tasks.append(task)
    spec: Json = {"tasks": tasks, "artifacts": {"retain": "Never"}}  # else volumes of ended runs count for ever
    if random.random() < 0.7:
        policy = random.choice(["Queue", "Queue", "Queue", "Reject", "Replace"])
        spec["concurrency"] = {"key": random.choice(KEYS), "maxActiveRuns": random.randint(1, 2), "policy": policy}
    if random.random() < 0.6:
        spec["maxActiveTasks"] = random.randint(1, 2)
    if random.random() < 0.3:
        spec["handlers"] = {"onExit": {"script": "true"}}
    return spec


def _body(random: Random, callees: list[str], forks: list[str]) -> Json:
    kinds = ["script", "script", "script", *(["run", "fork"] if callees else []), *(["await"] if forks else [])]
    kind = random.choice(kinds)
    if kind == "await":
        return {"await": {"tasks": random.sample(forks, k=random.randint(1, len(forks)))}}
    body: Json = {"script": "true"}
    if kind != "script":
        body = {kind: {"definitionRef": {"name": random.choice(callees)}}}
    if random.random() < 0.35:
        items = [{"AT": at} for at in range(random.randint(1, 3))]
        body["parallel"] = {"items": items, "maxConcurrent": random.randint(1, 3)}
    if kind == "script":
        if random.random() < 0.6:
            body["pools"] = random.sample(POOLS, k=random.randint(1, 3))
        if random.random() < 0.2:
            body["artifacts"] = {"paths": ["f"], "keep": "Always"}
        if random.random() < 0.3:
            body["retryPolicy"] = {"limit": 1, "intervalSeconds": random.choice([0, 3])}
    return body
