"""Processes that left their process group, and how they are found when their Pod has ended."""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from brood.cluster.local.environment import POD_MARK, pod_mark

_PR_SET_CHILD_SUBREAPER = 36


_adopters = 0


def adopt_orphans(*, on: bool) -> bool:
    """Make this process the parent of descendants whose own parent ended, until every caller has ceased to want it.

    Returns False where the system knows no such thing.
    """
    global _adopters  # noqa: PLW0603 - it is an attribute of the process
    if sys.platform != "linux":
        return False
    _adopters += 1 if on else -1
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, int(_adopters > 0), 0, 0, 0) == 0)


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        try:
            listed = (task / "children").read_text()
        except OSError:  # the thread is gone, or the kernel does not offer this
            continue
        yield from map(int, listed.split())


def _mark_of(pid: int) -> str | None:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None
    mark = f"{POD_MARK}=".encode()
    for entry in environ.split(b"\0"):
        if entry.startswith(mark):
            return entry[len(mark) :].decode(errors="replace")
    return None


def _is_in(pid: int, directory: Path) -> bool:
    """Whether the working directory of a process is below another one, which may be removed already."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink().is_relative_to(directory)
    except OSError:
        return False


class Orphans:
    """Finds adopted processes by the mark in their environment, and kills them.

    A process that starts a session of its own outlives the kill of its group. Its parent gone, it becomes a child of
    this process. One that also clears its environment may outlive its Pod, but not the node, if it stayed in a
    directory of the node's.

    Parameters
    ----------
    state
        The state directory of the node; others' processes are left alone.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._suffix = pod_mark("", state)
        self._strangers: set[int] = set()  # children of this process that no Pod of this node has made
        self._killed: set[int] = set()

    def sweep(self, ended: Collection[str] | None, *, known: Collection[int]) -> bool:
        """Kill what Pods with these uids left (None: all Pods).

        ``known`` are processes that somebody waits for. Returns whether anything was found that is not reaped yet.
        """
        children = set(_children())
        self._strangers &= children
        self._reap()
        passed_over = self._strangers if ended is not None else set()
        for pid in children - passed_over - self._killed - set(known):
            uid, suffix, _ = (_mark_of(pid) or "").partition(self._suffix)
            if not suffix and not (ended is None and _is_in(pid, self._state)):
                self._strangers.add(pid)
            elif ended is None or uid in ended:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)  # a child that is not reaped: its number is its own
                self._killed.add(pid)
        return bool(self._killed)

    def _reap(self) -> None:
        for pid in list(self._killed):
            try:
                reaped, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                reaped = pid
            if reaped:
                self._killed.discard(pid)
