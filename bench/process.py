"""The operator as a process of its own, and what it and the control plane cost according to /proc."""

# ruff: noqa: INP001 - a folder of scripts

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

READY_SECONDS = 120.0
COMMAND = [sys.executable, "-c", "from brood.cli.app import main; main()", "operator"]
WRAPPER = os.environ.get("BENCH_OPERATOR", "")
"""Words of a command that is run in place of brood, with the words after ``operator``: a profiler that starts it."""
PROGRAMS = ("apiserver", "etcd", "controllers", "scheduler", "kwok")
OK = 200


class Process:
    """One process; all seconds are of CPU but `ready_seconds`, which is the time until ``/readyz`` said so."""

    def __init__(self, pid: int, *, ready_seconds: float) -> None:
        self.pid = pid
        self.ready_seconds = ready_seconds

    @property
    def cpu_seconds(self) -> float:
        """CPU that it has used, user and system."""
        return cpu_seconds(self.pid)

    @property
    def peak_mb(self) -> float:
        """Most resident memory so far, in megabytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def cpu_seconds(pid: int) -> float:
    """Return what CPU a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb() -> float:
    """Return the resident memory of this process in megabytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Meter:
    """CPU of a cluster's programs, and of one process more, since the meter was made."""

    def __init__(self, directory: Path, **processes: int) -> None:
        pids = {name: json.loads((directory / "pid" / name).read_text(encoding="ascii"))["pid"] for name in PROGRAMS}
        self._pids = {**pids, "bench": os.getpid(), **processes}
        self._began = self._now()

    def _now(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in self._pids.items()}

    def ms_per(self, number: int) -> dict[str, float]:
        """Return milliseconds by program, for each of so many."""
        now = self._now()
        return {name: round(1000 * (now[name] - began) / number, 1) for name, began in self._began.items()}


@asynccontextmanager
async def operator(kubeconfig: Path, *options: str) -> AsyncIterator[Process]:
    """Run an operator, ready; its lease is taken away first, lest that of a dead one is waited for."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [
        *(WRAPPER.split() or COMMAND),
        f"--kubeconfig={kubeconfig}",
        f"--health-port={port}",
        "--metrics-port=0",
        "--lease-duration=60",  # nobody starts it again where a busy machine's API server does not answer for ten seconds
        *options,
    ]
    began = time.perf_counter()
    with Path(os.environ.get("BENCH_OPERATOR_LOG", os.devnull)).open("ab") as log:  # noqa: ASYNC230 - once
        running = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: ASYNC220 - once
    try:
        await _ready(port, running, began)
        yield Process(running.pid, ready_seconds=time.perf_counter() - began)
    finally:
        running.terminate()
        await asyncio.to_thread(running.wait, 20)


async def _ready(port: int, running: subprocess.Popen[bytes], began: float) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            if running.poll() is not None or time.perf_counter() - began > READY_SECONDS:
                raise RuntimeError("the operator does not become ready (set BENCH_OPERATOR_LOG=FILE to see its log)")
            try:
                async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == OK:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.01)
