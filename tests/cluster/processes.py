"""Child processes that outlive the command which started them, and end by their own id only."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.cluster.state import State

POLL = 0.05  # seconds


class NotReadyError(Exception):
    """A program ended, or did not get ready in time; the message ends with the end of its log."""


def start(state: State, name: str, command: Sequence[str | Path]) -> None:
    """Start a program in a session of its own, with its output in ``log/<name>.log``, and remember it."""
    log = str(state.directory / "log" / f"{name}.log")
    words = [str(part) for part in command]
    pid = os.posix_spawnp(
        words[0],
        words,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    (state.directory / "pid" / name).write_text(json.dumps({"pid": pid, "born": _born(pid)}))


def running(state: State, name: str) -> int | None:
    """Return the process id of the program, if the very process that was started still runs."""
    try:
        record = json.loads((state.directory / "pid" / name).read_text())
    except FileNotFoundError:
        return None
    pid = int(record["pid"])
    return pid if record["born"] and _born(pid) == record["born"] else None


def stop(state: State, name: str, *, patience: float = 10.0) -> None:
    """End the program and its children: TERM, after `patience` seconds KILL; returns once it is gone."""
    pid = running(state, name)
    if pid is not None:
        _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while running(state, name) is not None:
            if time.monotonic() > deadline:
                _signal(pid, signal.SIGKILL)
                deadline += patience
            time.sleep(POLL)
        _collect(pid)
    (state.directory / "pid" / name).unlink(missing_ok=True)


def wait_until(ready: Callable[[], bool], *, state: State, name: str, seconds: float = 180.0) -> None:
    """Wait until `ready` holds, as long as the program `name` runs.

    Raises
    ------
    NotReadyError
        When it does not hold in time, or the program has ended.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        gone = running(state, name) is None
        if gone or time.monotonic() > deadline:
            log = (state.directory / "log" / f"{name}.log").read_text(errors="replace")
            verdict = "ended" if gone else f"was not ready after {seconds:.0f} s"
            raise NotReadyError(f"{name} {verdict}; the end of its log:\n{log[-2000:]}")
        time.sleep(POLL)


def succeeds(command: Sequence[object]) -> bool:
    """Whether a command exits with 0; its output is of no interest."""
    return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)  # it leads its session, so its group has its number


def _collect(pid: int) -> None:
    """Take the exit status of a child, lest it stays as a zombie; if another command started it, init does that."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _born(pid: int) -> str:
    """Return the start time of a process in clock ticks, or nothing if it is gone; a recycled id has another one."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if after_name[0] == "Z" else after_name[19]
