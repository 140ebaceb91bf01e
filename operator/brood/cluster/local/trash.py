"""Removing directories without keeping the loop waiting."""

import asyncio
import contextlib
import shutil
import subprocess
import uuid
from pathlib import Path

_BATCH_SECONDS = 0.3


class Trash:
    """Renames what is discarded, which frees its name and takes microseconds, and lets ``rm`` remove it, many at a time.

    To remove a directory can take a millisecond of waiting for the disk. A thread would wait for it, too, but two
    threads of Python keep each other waiting as well.
    """

    def __init__(self, state: Path) -> None:
        self._directory = state / "trash"
        self._batch: Path | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rm: subprocess.Popen[bytes] | None = None

    def discard(self, directory: Path) -> None:
        """Remove a directory and all that is in it; one that is not there is fine."""
        if self._batch is None:
            self._batch = self._directory / uuid.uuid4().hex
            self._batch.mkdir(parents=True)
        with contextlib.suppress(FileNotFoundError):
            directory.rename(self._batch / uuid.uuid4().hex)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_BATCH_SECONDS, self._remove)

    def _remove(self) -> None:
        """Let the batch be removed, one at a time; look again while there is something to do."""
        self._timer = None
        if self._rm is not None and self._rm.poll() is not None:
            self._rm = None
        if self._rm is None and self._batch is not None:
            batch, self._batch = self._batch, None
            self._rm = subprocess.Popen(
                ["rm", "-rf", "--", str(batch)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt of the terminal is not for it
            )
        if self._rm is not None:
            self._timer = asyncio.get_running_loop().call_later(_BATCH_SECONDS, self._remove)

    async def close(self) -> None:
        """Wait until everything is removed."""
        if self._timer is not None:
            self._timer.cancel()
        if self._rm is not None:
            await asyncio.to_thread(self._rm.wait)
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)
