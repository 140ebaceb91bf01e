"""Measures brood on a real API server with simulated nodes: ``python -m bench.cluster T1 T2 … [--n N] [--repeat R]``.

Each scenario runs beside its native baseline in the same cluster, because only ratios mean anything on a shared machine. Results go to
``bench/results/`` as JSON with the machine's facts; a table of medians goes to stdout. T5 (writes) is part of T2 and T3.
"""

# ruff: noqa: INP001, T201 - a folder of scripts, which print

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import scenarios
from bench.apiserver import ApiServer, connect
from bench.process import operator
from tests.cluster import lifecycle
from tests.cluster.access import Cluster, install_crds

PROJECT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
SCENARIOS = ("T1", "T2", "T3", "T4")
SIZES = {"T2": 1000, "T3": 500, "T4": 2000}
BUDGETS = {
    "T1": [("step_over_pod_ms", 60.0)],
    "T2": [("ratio", 1.5), ("writes_per_item", 6.1), ("parent_writes_per_s", 5.5), ("parent_bytes", 64_000)],
    "T3": [("rate_ratio", -0.6), ("writes_per_run", 6.1), ("events_per_run", 2.0)],
    "T4": [("full_ready_s", 5.0), ("full_peak_mb", 250.0)],
}
"""What `shared/design/performance.md` asks for; negative: at least."""


async def measure(api: ApiServer, directory: Path, scenario: str, size: int) -> scenarios.Figures:
    """Run one scenario once, with an operator of its own."""
    if scenario == "T4":
        return await scenarios.t4(api, directory, size)
    async with operator(directory / "kubeconfig") as one:
        match scenario:
            case "T1":
                return await scenarios.t1(api, one)
            case "T2":
                return await scenarios.t2(api, one, size)
            case _:
                return await scenarios.t3(api, one, size)


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


def table(results: dict[str, list[scenarios.Figures]]) -> str:
    """Return medians and spreads as Markdown, with the budget where there is one."""
    lines = ["| scenario | figure | median | from … to | budget |", "|---|---|---|---|---|"]
    for scenario, figures in results.items():
        budgets = dict(BUDGETS[scenario])
        for name, value in figures[0].items():
            if not isinstance(value, int | float):
                continue
            values = [one[name] for one in figures]
            middle, budget = statistics.median(values), ""
            if name in budgets:
                limit = budgets[name]
                holds = middle >= -limit if limit < 0 else middle <= limit
                budget = f"{'≥' if limit < 0 else '≤'} {abs(limit):g}: {'holds' if holds else 'DOES NOT HOLD'}"
            lines.append(f"| {scenario} | {name} | {middle:g} | {min(values):g} … {max(values):g} | {budget} |")
    return "\n".join(lines)


async def main() -> int:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--n", type=int, help="items of T2, runs of T3, finished runs of T4")
    parser.add_argument("--repeat", type=int, default=3, help="how often (%(default)s)")
    parser.add_argument(
        "--dir", type=Path, help="a cluster that runs already (up --node kwok --audit); else one is made"
    )
    parser.add_argument("--label", default="", help="part of the name of the file of results")
    arguments = parser.parse_args()
    chosen = arguments.scenarios or list(SCENARIOS)
    if unknown := set(chosen) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))} (T5 is part of T2 and T3)")
    directory = arguments.dir or Path(f"/tmp/brood-bench-{os.getpid()}")  # noqa: S108 - removed at the end
    state = lifecycle.up(directory, kind="kwok", audit=True)
    results: dict[str, list[scenarios.Figures]] = {}
    try:
        install_crds(Cluster(kubeconfig=state.kubeconfig))
        async with connect(directory) as api:
            for _ in range(arguments.repeat):
                for scenario in chosen:
                    size = arguments.n or SIZES.get(scenario, 0)
                    figures = await measure(api, directory, scenario, size)
                    results.setdefault(scenario, []).append(figures)
                    print(scenario, json.dumps(figures), file=sys.stderr, flush=True)
    finally:
        if arguments.dir is None:
            lifecycle.down(directory)
    RESULTS.mkdir(exist_ok=True)
    words = ["-".join(chosen), arguments.label, time.strftime("%Y%m%d-%H%M%S", time.gmtime())]
    file = RESULTS / f"{'-'.join(word for word in words if word)}.json"
    file.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n", encoding="utf-8")
    print(table(results))
    print(f"\n{file.relative_to(PROJECT)}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
