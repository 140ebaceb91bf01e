"""``brood operator`` as people run it: a process of its own, with the rights of the chart and no others."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.access import Cluster
from tests.kubernetes.rights import service_account

RUNNING: list["Operator"] = []
"""Those whose log is of interest to a test that fails now."""

COMMAND = [sys.executable, "-c", "from brood.cli.app import main; main()", "operator"]


class Operator:
    """One process. Its log is JSON, a line for each thing that it says.

    Parameters
    ----------
    kubeconfig
        What it may do.
    home
        The namespace of its Lease.
    namespaces
        Those that it serves; none: all.
    options
        More words of its command line.
    """

    def __init__(
        self, *, kubeconfig: Path, home: str, namespaces: Sequence[str], options: Sequence[str] = (), name: str = "one"
    ) -> None:
        self.name = name
        self._log = kubeconfig.parent / f"{name}.log"
        self._log.touch()
        self._kubeconfig = kubeconfig
        self._health, self.metrics_port = _free_ports()
        self._words = [
            *COMMAND,
            *(word for namespace in namespaces for word in ("--namespace", namespace)),
            f"--kubeconfig={kubeconfig}",
            f"--lease-namespace={home}",
            f"--health-port={self._health}",
            f"--metrics-port={self.metrics_port}",
            "--log-format=json",
            *options,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.poll() is None

    @property
    def memory(self) -> int:
        """Resident bytes of the process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def start(self, *, ready: bool = True) -> "Operator":
        """Start the process, and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if ready:
            self.wait_until_ready()
        return self

    def wait_until_ready(self, *, seconds: float = 30.0) -> None:
        """Wait until ``/readyz`` says so."""
        deadline = time.monotonic() + seconds
        while self.probe() != 200:
            assert self.running, f"the operator ended: {self.log()[-2000:]}"
            assert time.monotonic() < deadline, f"the operator is not ready: {self.log()[-2000:]}"
            time.sleep(0.05)

    def probe(self, path: str = "readyz") -> int:
        """Return the status code of a probe; 0 where nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._health}/{path}", timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it in its tracks; it does not notice."""
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on after `freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> int | None:
        """Ask it to end, and return its exit code; None where it had ended, or not been started."""
        if not self.running:
            return None
        return self._end(signal.SIGTERM)

    def wait(self, *, seconds: float) -> int:
        """Wait for its end by itself and return the exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def log(self) -> str:
        """Return all that it has said."""
        return self._log.read_text(errors="replace")

    def complaints(self) -> list[str]:
        """Return the lines which say that a right is missing, or that something is wrong with brood itself."""
        found = []
        for line in self.log().splitlines():
            try:
                level = json.loads(line).get("level", "")
            except ValueError:
                level = "error"
            denied = "cannot" in line and "system:serviceaccount:" in line
            if level in ("error", "critical") or denied:
                found.append(line)
        return found

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            os.kill(self.pid, signal.SIGCONT)  # a frozen one hears TERM only then
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError("the operator does not end") from None


@contextmanager
def operators(
    cluster: Cluster, *namespaces: str, home: str, number: int = 1, options: Sequence[str] = ()
) -> Iterator[list[Operator]]:
    """Give so many operators with one Lease in `home`, not started yet; they are stopped at the end.

    None of those that still run may have complained until then; why another has ended is the test's business.
    """
    directory = Path(tempfile.mkdtemp(prefix="brood-operator-"))
    kubeconfig = service_account(cluster, home=home, namespaces=namespaces, directory=directory)
    made = [
        Operator(kubeconfig=kubeconfig, home=home, namespaces=namespaces, options=options, name=f"operator-{one}")
        for one in range(1, number + 1)
    ]
    RUNNING.extend(made)
    try:
        yield made
        complaints = [line for one in made if one.running for line in one.complaints()]
        assert not complaints, "\n".join(complaints)
    finally:
        for one in made:
            one.stop()
            RUNNING.remove(one)
        shutil.rmtree(directory)


@contextmanager
def operator(
    cluster: Cluster, *namespaces: str, home: str = "", options: Sequence[str] = (), start: bool = True
) -> Iterator[Operator]:
    """Give one operator for these namespaces, at work; its Lease and its account are in `home`, or else the first."""
    with operators(cluster, *namespaces, home=home or namespaces[0], options=options) as (made,):
        if start:
            made.start()
        yield made


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
