"""What was measured: kept as JSON with the machine's facts, shown as a table, held against the budgets."""

# ruff: noqa: INP001 - a folder of scripts

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "results"

Figures = dict[str, Any]
Results = Mapping[str, Sequence[Figures]]
"""By scenario, one entry a round."""

BUDGETS: dict[str, dict[str, float]] = {
    "T1": {"step_over_pod_ms": 60.0},
    "T1-real": {"step_over_pod_ms": 200.0},
    "T2": {"ratio": 1.5, "writes_per_item": 6.0, "parent_writes_per_s": 5.0, "parent_own_kb": 64.0},
    "T3": {"rate_ratio": -0.6, "writes_per_run": 6.0, "events_per_run": 2.0},
    "T4": {"empty_ready_s": 2.0, "full_ready_s": 5.0, "full_peak_mb": 250.0},
    "T7": {"plan_256_tasks_ms": 1.0, "event_of_10000_items_ms": 1.0},
    "T8": {"task_over_bare_ms": 15.0, "items_s": 19.0, "items_peak_mb": 150.0, "help_s": 0.3},
    "T9": {"memory_growth": 1.05},
    "FAIR": {"delay_s": 1.0},
}
"""What is promised for each scenario; negative: at least."""

SHORT: dict[str, dict[str, float]] = {
    "T1": {"step_over_pod_ratio": 6.0},
    "T2": {"ratio": 4.0, "writes_per_item": 5.2, "failed_writes_per_item": 0.5},
    "T3": {"rate_ratio": -0.15, "writes_per_run": 5.2, "events_per_run": 1.0, "failed_writes_per_run": 0.5},
}
"""What fails the short form: counts and ratios that small numbers on a busy machine keep by a wide margin."""


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    load, _, _ = os.getloadavg()
    return {
        "cpus": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": head.stdout.strip(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load": round(load, 1),
    }


def keep(results: Results, *, label: str = "") -> Path:
    """Write a file of results and return its path."""
    FOLDER.mkdir(exist_ok=True)
    words = ["-".join(results), label, time.strftime("%Y%m%d-%H%M%S", time.gmtime())]
    file = FOLDER / f"{'-'.join(word for word in words if word)}.json"
    file.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n", encoding="utf-8")
    return file


def median(rounds: Sequence[Figures], name: str) -> float:
    """Return the median of a figure over all rounds."""
    return float(statistics.median(one[name] for one in rounds))


def holds(value: float, limit: float) -> bool:
    """Whether a figure is within a limit; a negative limit is a least value."""
    return value >= -limit if limit < 0 else value <= limit


def table(results: Results) -> Iterator[str]:
    """Yield the lines of a Markdown table of medians and spreads, with the budget where there is one."""
    yield "| scenario | figure | median | from … to | budget |"
    yield "|---|---|---|---|---|"
    for scenario, rounds in results.items():
        for name, value in rounds[0].items():
            if not isinstance(value, int | float):
                continue
            values, middle, budget = [one[name] for one in rounds], median(rounds, name), ""
            limit = BUDGETS.get(scenario, {}).get(name)
            if limit is not None:
                verdict = "holds" if holds(middle, limit) else "DOES NOT HOLD"
                budget = f"{'≥' if limit < 0 else '≤'} {abs(limit):g}: {verdict}"
            yield f"| {scenario} | {name} | {middle:g} | {min(values):g} … {max(values):g} | {budget} |"


def out_of_range(results: Results) -> list[str]:
    """Say which figures the short form does not let pass."""
    return [
        f"{scenario}: {name} is {median(results[scenario], name):g}, the range ends at {abs(limit):g}"
        for scenario, limits in SHORT.items()
        if scenario in results
        for name, limit in limits.items()
        if not holds(median(results[scenario], name), limit)
    ]
