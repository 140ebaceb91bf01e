"""The operator as a process of its own, and what it costs according to /proc."""

# ruff: noqa: INP001 - a folder of scripts

import asyncio
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
OK = 200


class Process:
    """One process; all seconds are of CPU but `ready_seconds`, which is the time until ``/readyz`` said so."""

    def __init__(self, pid: int, *, ready_seconds: float) -> None:
        self.pid = pid
        self.ready_seconds = ready_seconds

    @property
    def cpu_seconds(self) -> float:
        """CPU that it has used, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def peak_mb(self) -> float:
        """Most resident memory so far, in megabytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


@asynccontextmanager
async def operator(kubeconfig: Path, *options: str) -> AsyncIterator[Process]:
    """Run an operator, ready; its lease is taken away first, lest that of a dead one is waited for."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [*COMMAND, f"--kubeconfig={kubeconfig}", f"--health-port={port}", "--metrics-port=0", *options]
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
