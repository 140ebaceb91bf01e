"""`brood` as a person uses it on a cluster: what it prints, and what `brood why` answers."""

import json
import subprocess
import sys
from typing import Any

from tests.kubernetes.arenas import Arena

BROOD = [sys.executable, "-c", "from brood.cli.app import main; main()"]
SECONDS = 60


def brood(where: Arena, *words: str, code: int = 0) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(
        [*BROOD, *words, f"--kubeconfig={where.cluster.kubeconfig}", f"--namespace={where.namespace}"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def answers(where: Arena, name: str) -> dict[str, dict[str, Any]]:
    """Return what `brood why` says, by path."""
    return {one["path"]: one for one in json.loads(brood(where, "why", name, "-o", "json"))}


def waits(where: Arena, name: str, task: str, reason: str) -> dict[str, Any]:
    """Wait until a row says so, and return what `brood why` says of it."""
    where.history.run_is(
        name, lambda one: any(row.get("reason") == reason for row in one.get("status", {}).get("tasks", []))
    )
    return answers(where, name)[f"{name}/{task}"]


def ended(where: Arena, name: str) -> None:
    brood(where, "terminate", name)
    brood(where, "wait", name, "--timeout", "50s", code=1)
