"""Making and removing directories in little time."""

import os
from pathlib import Path


def ensure_directory(directory: Path) -> None:
    """Make a directory and those above it, if need be; the common case is one system call."""
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True)


def remove_small(directory: Path, *, entries: int) -> bool:
    """Remove a directory with what is in it, but no more than so many entries; return whether all is gone."""
    left = entries
    pending = [os.fspath(directory)]
    emptied: list[str] = []
    while pending:
        current = pending.pop()
        emptied.append(current)
        with os.scandir(current) as found:
            for entry in found:
                left -= 1
                if left < 0:
                    return False
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    os.unlink(entry.path)  # noqa: PTH108 - a Path for each file costs more than its removal
    for path in reversed(emptied):
        os.rmdir(path)  # noqa: PTH106 - the same
    return True
