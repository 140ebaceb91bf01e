"""One process with a session of its own, and everything that stays in its process group."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from brood.cluster.local.starting import Unstartable

_EXHAUSTED = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_START_TRIES = 60
_LONGEST_WAIT_SECONDS = 1.0
_REAP_SECONDS = 0.01


class Process:
    """A started process. ``ended`` gives its return code, negative for a signal.

    When it ends, whatever is left of its process group is killed, as all of a container goes with its first process.
    ``subprocess`` (vfork and exec, 0.8 ms) and a pidfd in the loop cost half of what asyncio's own subprocesses do.
    """

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        self._popen = popen
        self._loop = asyncio.get_running_loop()
        self.pid = popen.pid
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._pidfd = _pidfd(self.pid)
        if self._pidfd >= 0:
            self._loop.add_reader(self._pidfd, self._on_end)
        else:
            threading.Thread(target=self._wait_in_thread, daemon=True).start()

    def _wait_in_thread(self) -> None:
        self._popen.wait()
        self._loop.call_soon_threadsafe(self._on_end)

    def _on_end(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
        self._signal_group(
            signal.SIGKILL
        )  # before the process is reaped: until then nobody else can have its group's number
        code = self._popen.wait()
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self._reap_group()
        if not self.ended.done():
            self.ended.set_result(code)

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def _reap_group(self) -> None:
        """Reap what the group left to this process (`brood.cluster.local.orphans.adopt_orphans`)."""
        while True:
            try:
                pid, _ = os.waitpid(-self.pid, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                if not self._loop.is_closed():
                    self._loop.call_later(_REAP_SECONDS, self._reap_group)
                return

    @property
    def running(self) -> bool:
        """Whether it has not been seen to end."""
        return not self.ended.done()

    def terminate(self) -> None:
        """Send TERM to the process alone, as a kubelet does: the first process is the one to pass it on."""
        if self.running:
            self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send KILL to the whole group."""
        if self.running:
            self._signal_group(signal.SIGKILL)


def _pidfd(pid: int) -> int:
    """Return a descriptor that becomes readable when the process ends, -1 where there is none to be had."""
    if sys.platform != "linux":
        return -1
    try:
        return os.pidfd_open(pid)
    except OSError:  # too many open files; the process runs, so its end must be seen all the same
        return -1


async def start(argv: Sequence[str], *, environment: Mapping[str, str], directory: Path, log: Path) -> Process:
    """Start a process whose output goes to the end of ``log``.

    Raises
    ------
    Unstartable
        The program cannot be executed.
    """
    environ = {name.encode(): value.encode() for name, value in environment.items()}
    words = [word.encode() for word in argv]
    for attempt in range(_START_TRIES):
        try:
            return Process(_popen(words, environ, directory=directory, log=log))
        except ValueError as error:
            raise Unstartable(f"exec {argv[0]!r}: {error}") from error
        except OSError as error:
            if error.errno not in _EXHAUSTED or attempt == _START_TRIES - 1:
                raise Unstartable(_explained(argv[0], directory, error)) from error
        # This machine is short of processes, memory or files; others will end.
        await asyncio.sleep(min(_LONGEST_WAIT_SECONDS, 0.05 * 2**attempt))
    raise AssertionError  # pragma: no cover


def _popen(
    argv: Sequence[bytes], environment: Mapping[bytes, bytes], *, directory: Path, log: Path
) -> "subprocess.Popen[bytes]":
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        return subprocess.Popen(
            argv,
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        os.close(output)


def _explained(program: str, directory: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        if not directory.is_dir():
            return f"working directory {directory} does not exist"
        if "/" not in program:
            return f'exec: "{program}": executable file not found in $PATH'
    if error.errno == errno.E2BIG:
        return f'exec: "{program}": arguments and environment are too long for this machine'
    return f'exec: "{program}": {(error.strerror or str(error)).lower()}'
