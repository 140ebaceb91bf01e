"""Making directories in little time."""

from pathlib import Path


def ensure_directory(directory: Path) -> None:
    """Make a directory and those above it, if need be; the common case is one system call."""
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
