"""``brood run`` beside bare processes: a chain of 20 tasks, 1,000 items 100 at a time, the start of the program (T8 of the budgets).

``python -m bench.local [--items N] [--repeat R]``; every process is really started.
"""

# ruff: noqa: INP001 - a folder of scripts

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import figures, objects

BROOD = [sys.executable, "-c", "from brood.cli.app import main; main()"]
AT_ONCE = 100
STEPS = 20
SCRIPT = {"image": "busybox"}


def _ran(words: list[str]) -> tuple[float, float, float]:
    """Run a command; return its seconds, those of CPU with all its children's, and the most memory in megabytes of any of them."""
    began = time.perf_counter()
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(words)}: {error.decode()[-2000:]}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6


def _run(directory: str, definition: objects.Object, **params: str) -> tuple[float, float, float]:
    file = Path(directory) / "definition.json"
    run = objects.run("run", definition["metadata"]["name"], **params)
    file.write_text(f"{json.dumps(definition)}\n---\n{json.dumps(run)}\n", encoding="utf-8")
    return _ran([*BROOD, "run", str(file)])


def chain(steps: int) -> objects.Object:
    """Return a chain of scripts that do nothing."""
    found = objects.chain(steps)
    for task in found["spec"]["tasks"]:
        task.update(container=SCRIPT, script="true")
    return found


def fan_out(items: int) -> objects.Object:
    """Return a parallel task whose items do nothing."""
    found = objects.fan_out(items, AT_ONCE)
    found["spec"]["tasks"][0].update(container=SCRIPT, script="true")
    return found


def measure(items: int) -> dict[str, Any]:
    """Measure everything once."""
    bare = _ran(["/bin/sh", "-c", ";".join(["/bin/sh -e -c true"] * STEPS)])[0] / STEPS
    with tempfile.TemporaryDirectory() as directory:
        start = _ran([*BROOD, "--help"])[0]
        one, _, _ = _run(directory, chain(1))
        many, _, _ = _run(directory, chain(STEPS))
        seconds, cpu, memory = _run(directory, fan_out(items), ITEMS=objects.items(items))
    task = (many - one) / (STEPS - 1)
    return {
        "bare_process_ms": round(1000 * bare, 1),
        "help_s": round(start, 2),
        "one_task_s": round(one, 2),
        "chain_of_20_over_one_s": round(many - one, 2),
        "task_over_bare_ms": round(1000 * (task - bare), 1),
        "items": items,
        "items_s": round(seconds, 2),
        "items_cpu_s": round(cpu, 2),
        "items_peak_mb": round(memory, 1),
    }


def main() -> None:
    """Measure as often as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.local", description=__doc__)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    measured = {"T8": [measure(arguments.items) for _ in range(arguments.repeat)]}
    print("\n".join(figures.table(measured)))  # noqa: T201 - that is what it is for
    print(f"\n{figures.keep(measured).relative_to(figures.PROJECT)}")  # noqa: T201


if __name__ == "__main__":
    main()
