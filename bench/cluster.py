"""Measures brood on a real API server with simulated nodes: ``python -m bench.cluster T1 T2 … [--n N] [--repeat R]``.

Each scenario runs beside its native baseline in the same cluster, because only ratios mean anything on a shared machine. Results go to
``bench/results/`` as JSON with the machine's facts; a table of medians goes to stdout. T5 (writes) is part of T2 and T3.
"""

# ruff: noqa: INP001, T201 - a folder of scripts, which print

import argparse
import asyncio
import compileall
import json
import os
import sys
from pathlib import Path

from bench import crowds, figures, scenarios
from bench.apiserver import ApiServer, connect
from bench.process import operator
from tests.cluster import lifecycle
from tests.cluster.access import Cluster, install_crds

SCENARIOS = ("T1", "T1-real", "T2", "T3", "T4", "FAIR", "MANY")
SIZES = {"T2": 1000, "T3": 500, "T4": 2000, "FAIR": 2000, "MANY": 1000}
SHORT_SIZE = 60
ON_REAL_NODE = "T1-real"
"""Alone: it has a cluster of its own, with a real node (root)."""


async def measure(api: ApiServer, directory: Path, scenario: str, size: int) -> figures.Figures:
    """Run one scenario once, with an operator of its own."""
    if scenario == "T4":
        return await scenarios.t4(api, directory, size)
    async with operator(directory / "kubeconfig") as one:
        match scenario:
            case "T1":
                return await scenarios.t1(api)
            case "T1-real":
                return await scenarios.t1(api, longest=5)
            case "T2":
                return await scenarios.t2(api, one, size)
            case "FAIR":
                return await crowds.fair(api, size)
            case "MANY":
                return await crowds.many(api, one, size)
            case _:
                return await scenarios.t3(api, one, size)


async def main() -> int:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--n", type=int, help="items of T2 and FAIR, runs of T3 and MANY, finished runs of T4")
    parser.add_argument("--repeat", type=int, default=3, help="how often (%(default)s)")
    parser.add_argument(
        "--dir", type=Path, help="a cluster that runs already (up --node kwok --audit); else one is made"
    )
    parser.add_argument("--label", default="", help="part of the name of the file of results")
    parser.add_argument(
        "--short", action="store_true", help="few of T1, T2 and T3 once; fails where a count or ratio is out of range"
    )
    arguments = parser.parse_args()
    if arguments.short:
        arguments.scenarios, arguments.n, arguments.repeat = ["T1", "T2", "T3"], SHORT_SIZE, 1
    chosen = arguments.scenarios or [one for one in SCENARIOS if one != ON_REAL_NODE]
    real = chosen == [ON_REAL_NODE]
    if unknown := set(chosen) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))} (T5 is part of T2 and T3)")
    if ON_REAL_NODE in chosen and not real:
        parser.error(f"{ON_REAL_NODE} is measured alone")
    compileall.compile_dir(figures.PROJECT / "operator", quiet=1)  # as pip does: else every start compiles it anew
    directory = arguments.dir or Path(f"/tmp/brood-bench-{os.getpid()}")  # noqa: S108 - removed at the end
    state = lifecycle.up(directory, kind="real" if real else "kwok", audit=True)
    measured: dict[str, list[figures.Figures]] = {}
    try:
        install_crds(Cluster(kubeconfig=state.kubeconfig))
        async with connect(directory) as api:
            for _ in range(arguments.repeat):
                for scenario in chosen:
                    size = arguments.n or SIZES.get(scenario, 0)
                    found = await measure(api, directory, scenario, size)
                    measured.setdefault(scenario, []).append(found)
                    print(scenario, json.dumps(found), file=sys.stderr, flush=True)
    finally:
        if arguments.dir is None:
            lifecycle.down(directory)
    print("\n".join(figures.table(measured)))
    if arguments.short:
        wrong = figures.out_of_range(measured)
        print("\n".join(wrong) or "all counts and ratios are in their ranges")
        return 1 if wrong else 0
    print(f"\n{figures.keep(measured, label=arguments.label).relative_to(figures.PROJECT)}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
