"""Removing directories without keeping the loop waiting."""

import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


class Trash:
    """Renames at once, so that the name is free, and removes later, in a thread."""

    def __init__(self, state: Path) -> None:
        self._directory = state / "trash"
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="brood-trash")

    def discard(self, directory: Path) -> None:
        """Remove a directory and all that is in it; one that is not there is fine."""
        place = self._directory / uuid.uuid4().hex
        try:
            directory.rename(place)
        except FileNotFoundError:
            if not directory.exists():
                return
            self._directory.mkdir(parents=True, exist_ok=True)
            directory.rename(place)
        self._thread.submit(shutil.rmtree, place, ignore_errors=True)

    def close(self) -> None:
        """Wait until everything is removed."""
        self._thread.shutdown(wait=True)
        shutil.rmtree(self._directory, ignore_errors=True)
