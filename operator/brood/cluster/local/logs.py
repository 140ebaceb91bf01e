"""Reading what a container wrote."""

from pathlib import Path
from typing import BinaryIO

_BLOCK = 64 * 1024


def last_lines(log: Path, *, count: int | None, limit: int, keep_end: bool = False) -> bytes:
    """Return the last ``count`` lines of a file (None: all), cut to ``limit`` bytes.

    What is cut is the end of them, as ``limitBytes`` of a Pod's log does, or with ``keep_end`` their beginning. A file
    that is not there is empty.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            start = (
                0 if count is None else _start_of_last(file, size, count, floor=max(0, size - limit) if keep_end else 0)
            )
            if keep_end:
                start = max(start, size - limit)
            file.seek(start)
            return file.read(limit)
    except FileNotFoundError:
        return b""


def _start_of_last(file: BinaryIO, size: int, count: int, *, floor: int) -> int:
    """Return where the last ``count`` lines begin, reading backwards, not further than ``floor``."""
    if count <= 0:
        return size
    position, missing = size, count
    first = True
    while position > floor:
        step = min(_BLOCK, position - floor)
        position -= step
        file.seek(position)
        block = file.read(step)
        end = len(block)
        if first and block.endswith(b"\n"):
            end -= 1  # the newline that ends the last line separates nothing
        first = False
        while (end := block.rfind(b"\n", 0, end)) >= 0:
            missing -= 1
            if missing == 0:
                return position + end + 1
    return floor
