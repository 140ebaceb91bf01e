"""Removing directories without keeping the loop waiting."""

import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from brood.cluster.local.directories import remove_small

_AT_ONCE = 40
"""Entries that are removed on the spot, within a fraction of a millisecond; handing them to a thread would cost more, because
two threads of Python keep each other waiting."""


class Trash:
    """Removes what is small at once. What is large is renamed, so that its name is free, and removed in a thread."""

    def __init__(self, state: Path) -> None:
        self._directory = state / "trash"
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="brood-trash")

    def discard(self, directory: Path) -> None:
        """Remove a directory and all that is in it; one that is not there is fine."""
        try:
            if remove_small(directory, entries=_AT_ONCE):
                return
        except FileNotFoundError:
            return
        except OSError:  # something in it cannot be listed, or a process is still writing there
            pass
        place = self._directory / uuid.uuid4().hex
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            directory.rename(place)
        except FileNotFoundError:
            return
        self._thread.submit(shutil.rmtree, place, ignore_errors=True)

    def close(self) -> None:
        """Wait until everything is removed."""
        self._thread.shutdown(wait=True)
        shutil.rmtree(self._directory, ignore_errors=True)
