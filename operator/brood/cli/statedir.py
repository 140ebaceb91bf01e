"""Where a local run keeps its files: logs, volumes, and what Pods work on.

With ``--keep DIR`` that is DIR. Without it, a directory below ``$XDG_STATE_HOME/brood/runs`` (``~/.local/state``), so
that artifacts and logs can still be read after the run; only the newest stay.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from brood.cli.findings import refuse

RUNS_KEPT: Final = 20
LOG_FILE: Final = "brood.log"
"""What the operator itself has to say; stdout and the tree are not for that."""

LOCK: Final = ".brood-run"
"""Marks a directory as one of a run; locked while the run lives."""


@contextmanager
def state_directory(keep: Path | None, *, name: str, now: datetime) -> Iterator[Path]:
    """Make the directory of a run and hold it while the run lives.

    Raises
    ------
    InputRefusedError
        If DIR cannot be made, is used by another run, or holds files that are no run's.
    """
    directory = _kept(keep) if keep is not None else _fresh(runs_directory(), name=name, now=now)
    try:
        lock = os.open(directory / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise refuse(f"{directory} cannot be written to: {error.strerror}", subject="--keep") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{directory} is in use by another `brood run`; name another directory"
            raise refuse(message, subject="--keep") from None
        if keep is None:
            prune(directory.parent, keep=RUNS_KEPT)
        yield directory
    finally:
        os.close(lock)


def runs_directory() -> Path:
    """Return where runs without ``--keep`` are kept."""
    state = os.environ.get("XDG_STATE_HOME", "")
    home = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return home / "brood" / "runs"


def _kept(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        entries = {entry.name for entry in directory.iterdir()}
    except OSError as error:
        raise refuse(f"{directory} cannot be used: {error.strerror}", subject="--keep") from error
    if entries and LOCK not in entries:
        message = f"{directory} holds files that are no run's; name an empty directory or a new one"
        raise refuse(message, subject="--keep")
    return directory.resolve()


def _fresh(runs: Path, *, name: str, now: datetime) -> Path:
    """Make a directory for one run; where the home directory cannot be written to, among the temporary files."""
    prefix = f"{name[:63]}-{now:%Y%m%d-%H%M%S}-"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=runs)).resolve()
    except OSError:
        return Path(tempfile.mkdtemp(prefix=f"brood-{prefix}")).resolve()


def prune(runs: Path, *, keep: int) -> None:
    """Remove the directories of the oldest ended runs, beyond the newest ``keep``; what bears no mark is left alone."""
    marked = [entry for entry in runs.iterdir() if (entry / LOCK).is_file() and not entry.is_symlink()]
    marked.sort(key=lambda entry: (entry / LOCK).stat().st_mtime, reverse=True)
    for entry in marked[keep:]:
        try:
            lock = os.open(entry / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(entry, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
